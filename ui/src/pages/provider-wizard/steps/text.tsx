import { FormGroup, FormHelperText, HelperText, HelperTextItem, TextArea, TextInput } from '@patternfly/react-core';

/** A field of the account: one line, several, or a secret that is never shown again. */
export function Text(props: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly kind?: 'line' | 'secret' | 'block';
  readonly help?: string;
  readonly placeholder?: string;
  readonly isRequired?: boolean;
  readonly isWrong?: boolean;
}) {
  const { id, label, value, onChange, kind = 'line', help, placeholder, isRequired = false, isWrong = false } = props;
  const shared = {
    id,
    name: id,
    value,
    isRequired,
    validated: isWrong ? ('error' as const) : ('default' as const),
    onChange: (_event: unknown, next: string) => onChange(next),
    // Browsers must not offer the password of this console for that of a hypervisor.
    autoComplete: kind === 'secret' ? 'new-password' : 'off',
    spellCheck: false,
    ...(placeholder === undefined ? {} : { placeholder }),
    ...(help === undefined ? {} : { 'aria-describedby': `${id}-help` }),
  };
  return (
    <FormGroup label={label} isRequired={isRequired} fieldId={id}>
      {kind === 'block' ? (
        <TextArea {...shared} rows={5} resizeOrientation="vertical" className="w-mono" />
      ) : (
        <TextInput {...shared} type={kind === 'secret' ? 'password' : 'text'} />
      )}
      {help !== undefined && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
