-- The last heartbeat to a charger, by the clock of the boot in meta: a restart tells the gap that it made.
ALTER TABLE charger ADD COLUMN sent_boot_ms INTEGER NOT NULL DEFAULT 0;
