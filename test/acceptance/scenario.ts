/** An acceptance scenario: the whole product, as a user would run it, against real peers. */
export type Scenario = {
  readonly name: string;
  /** One sentence: what it proves. */
  readonly proves: string;
  /** Longer than three minutes on two cores: only with `script/test --all`. */
  readonly long?: boolean;
  /** It measures: nothing else runs beside it in script/test. */
  readonly alone?: boolean;
  /** Why it cannot run on this machine; null when it can. */
  unavailable?(): Promise<string | null>;
  /** Throws when anything it claims does not hold. `figure` prints a named figure. */
  run(report: Report): Promise<void>;
};

export type Report = {
  figure(name: string, value: string | number): void;
  /** Counts a check that held; throws otherwise. */
  check(what: string, holds: boolean, detail?: string): void;
  note(text: string): void;
};
