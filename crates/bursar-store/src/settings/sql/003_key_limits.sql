-- Limits of a key beside its budgets, and where it may be used from: JSON lists.
ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '[]';
ALTER TABLE keys ADD COLUMN allowed_ips TEXT NOT NULL DEFAULT '[]';
