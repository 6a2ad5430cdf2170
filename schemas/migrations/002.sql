-- Sessions: one row for each plug-in (or draw, where a charger cannot tell what is plugged).
CREATE TABLE session (
    charger TEXT NOT NULL, number INTEGER NOT NULL, vehicle TEXT NOT NULL,
    start_utc_ms INTEGER NOT NULL, end_utc_ms INTEGER NOT NULL, energy_wh INTEGER NOT NULL,
    charging_ms INTEGER NOT NULL, max_power_w INTEGER NOT NULL, estimated INTEGER NOT NULL,
    why TEXT NOT NULL, updated_utc_ms INTEGER NOT NULL,
    PRIMARY KEY (charger, number)) WITHOUT ROWID;
CREATE INDEX session_start ON session (start_utc_ms);
-- What the first schema knew of each charger's last session.
INSERT INTO session
    SELECT id, session_number, '', session_start_utc_ms,
        CASE WHEN session_open THEN 0 ELSE seen_utc_ms END, session_wh, 0, 0, 0,
        CASE WHEN session_open THEN '' ELSE 'not_known' END, seen_utc_ms
    FROM charger WHERE session_number > 0;
