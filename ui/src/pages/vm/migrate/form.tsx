import {
  Checkbox,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  Radio,
  Switch,
  TextInput,
} from '@patternfly/react-core';
import type { Draft } from './draft.ts';

type Change = (draft: Draft) => void;

const targets: Readonly<Record<Draft['to'], string>> = {
  libvirt: 'A VM of libvirt (KVM)',
  files: 'Image files in a directory',
};

/** Where to, and how. @param missing what was left out, once somebody has tried to start it */
export function MigrateForm(props: {
  readonly draft: Draft;
  readonly change: Change;
  readonly sourceName: string;
  readonly missing: readonly string[];
  readonly submit: () => void;
}) {
  const { draft, change, sourceName, missing, submit } = props;
  return (
    <Form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <FormGroup role="radiogroup" label="To" fieldId="to" isInline>
        {Object.entries(targets).map(([to, label]) => (
          <Radio
            key={to}
            id={`to-${to}`}
            name="to"
            label={label}
            isChecked={draft.to === to}
            onChange={() => change({ ...draft, to: to as Draft['to'] })}
          />
        ))}
      </FormGroup>
      {draft.to === 'libvirt' ? (
        <>
          <Word name="uri" label="Connection" draft={draft} change={change} help="As the worker reaches it." />
          <Word name="pool" label="Storage pool" draft={draft} change={change} />
          <Word
            name="network"
            label="Network"
            draft={draft}
            change={change}
            help="A libvirt network or a bridge, for all its network cards."
          />
        </>
      ) : (
        <Word
          name="directory"
          label="Directory"
          draft={draft}
          change={change}
          help="Of the worker’s machine; it has to be there."
        />
      )}
      <FormGroup label="Format" fieldId="format">
        <FormSelect
          id="format"
          value={draft.format}
          onChange={(_event, format) => change({ ...draft, format: format === 'raw' ? 'raw' : 'qcow2' })}
        >
          <FormSelectOption value="qcow2" label="qcow2" />
          <FormSelectOption value="raw" label="raw" />
        </FormSelect>
      </FormGroup>
      {draft.to === 'files' && draft.format === 'raw' && (
        <Switch
          id="compressed"
          label="Compress the images (gzip)"
          isChecked={draft.compressed}
          onChange={(_event, compressed) => change({ ...draft, compressed })}
        />
      )}
      <FormGroup label="Name at the target" fieldId="name">
        <TextInput
          id="name"
          value={draft.name}
          placeholder={sourceName}
          onChange={(_event, name) => change({ ...draft, name })}
        />
      </FormGroup>
      <Checkbox
        id="verify"
        label="Read back and compare every byte"
        isChecked={draft.verify}
        onChange={(_event, verify) => change({ ...draft, verify })}
      />
      {draft.to === 'libvirt' && (
        <Checkbox
          id="start"
          label="Start it afterwards, and check that it boots"
          isChecked={draft.start}
          onChange={(_event, start) => change({ ...draft, start })}
        />
      )}
      {missing.length > 0 && (
        <HelperText isLiveRegion>
          <HelperTextItem variant="error">Still missing: {missing.join(', ')}.</HelperTextItem>
        </HelperText>
      )}
    </Form>
  );
}

function Word(props: {
  readonly name: 'uri' | 'pool' | 'network' | 'directory';
  readonly label: string;
  readonly draft: Draft;
  readonly change: Change;
  readonly help?: string;
}) {
  const { name, label, draft, change, help } = props;
  return (
    <FormGroup label={label} isRequired fieldId={name}>
      <TextInput
        id={name}
        isRequired
        value={draft[name]}
        onChange={(_event, value) => change({ ...draft, [name]: value })}
        {...(help === undefined ? {} : { 'aria-describedby': `${name}-help` })}
      />
      {help !== undefined && (
        <FormHelperText>
          <HelperText id={`${name}-help`}>
            <HelperTextItem>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
