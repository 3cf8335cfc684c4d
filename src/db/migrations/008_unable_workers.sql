-- Workers that have said that they cannot reach it although another might (a program is missing, it is not on their host):
-- none of them is chosen again before somebody changes something or asks for another try.
alter table provider add column unable_workers uuid[] not null default '{}';
