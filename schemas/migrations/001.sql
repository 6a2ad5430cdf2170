-- First schema of the store. A migration is never edited once released: add the next number.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE charger (
    id TEXT PRIMARY KEY, bus TEXT NOT NULL, port TEXT NOT NULL, twc_id INTEGER NOT NULL,
    protocol INTEGER NOT NULL, sign INTEGER NOT NULL, hw_max_ma INTEGER NOT NULL,
    told_ma INTEGER NOT NULL, energy_wh INTEGER NOT NULL, energy_mws INTEGER NOT NULL,
    counter_wh INTEGER NOT NULL, anchor_wh INTEGER NOT NULL, power_w INTEGER NOT NULL,
    session_wh INTEGER NOT NULL, session_start_utc_ms INTEGER NOT NULL,
    session_number INTEGER NOT NULL, session_open INTEGER NOT NULL, starts INTEGER NOT NULL,
    stops_used INTEGER NOT NULL, serial TEXT NOT NULL, firmware TEXT NOT NULL,
    seen_utc_ms INTEGER NOT NULL, removed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE setting (
    device TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, file_value TEXT NOT NULL,
    PRIMARY KEY (device, key)) WITHOUT ROWID;
CREATE TABLE lease (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind INTEGER NOT NULL, scope INTEGER NOT NULL,
    hold INTEGER NOT NULL, ends_at_unplug INTEGER NOT NULL, fallen_back INTEGER NOT NULL,
    value_ma INTEGER NOT NULL, priority INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, expires_utc_ms INTEGER NOT NULL, owner TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE decision (
    id INTEGER PRIMARY KEY, utc_ms INTEGER NOT NULL, charger TEXT NOT NULL,
    before_ma INTEGER NOT NULL, after_ma INTEGER NOT NULL, requested_ma INTEGER NOT NULL,
    booked_ma INTEGER NOT NULL, limited_by TEXT NOT NULL, owner TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE INDEX decision_time ON decision (utc_ms);
CREATE TABLE event (
    n INTEGER PRIMARY KEY AUTOINCREMENT, utc_ms INTEGER NOT NULL, topic TEXT NOT NULL,
    json TEXT NOT NULL, published INTEGER NOT NULL);
