-- What its sender says of the file that it sends, so that it goes on with that one and no other; null: nothing was said.
alter table upload add column file text check (length(file) <= 200);
