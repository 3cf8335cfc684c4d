/** The boat and the name. */
export function Brand() {
  return (
    <span className="w-brand">
      <img src="/icon.svg" alt="" width="32" height="32" />
      <span>Wherry</span>
    </span>
  );
}
