-- When the account was last changed with whose secrets an attempt was given its source: when those are refused, the provider is
-- stopped for all, unless somebody has changed it since. Null: it was given none.
alter table attempt add column account_changed_at timestamptz;
