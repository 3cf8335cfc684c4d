import { FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';

/** A field of a form, with its label and, where there is more to say, a line below it. */
export function Field(props: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly autoComplete: string;
  readonly type?: 'text' | 'password';
  readonly help?: string;
  readonly isWrong?: boolean;
  readonly autoFocus?: boolean;
}) {
  const { id, label, value, onChange, autoComplete, type = 'text', help, isWrong = false, autoFocus = false } = props;
  return (
    <FormGroup label={label} isRequired fieldId={id}>
      <TextInput
        id={id}
        name={id}
        type={type}
        isRequired
        value={value}
        autoComplete={autoComplete}
        autoFocus={autoFocus}
        validated={isWrong ? 'error' : 'default'}
        onChange={(_event, next) => onChange(next)}
        {...(help === undefined ? {} : { 'aria-describedby': `${id}-help` })}
      />
      {help !== undefined && (
        <FormHelperText>
          <HelperText id={`${id}-help`} isLiveRegion={isWrong}>
            <HelperTextItem variant={isWrong ? 'error' : 'default'}>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
