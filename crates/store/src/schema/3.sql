-- Trials of settings and policy, what sshd was found to do, keys in policy and exemptions.
--
-- Releases 1 and 2 still read this file (see MIN_READER_VERSION). They know nothing of what is here,
-- and what they read in its place is what was stored before, or is stricter.

-- The newest trial, also after its end, so that its number is not used again.
CREATE TABLE trial (
    slot               INTEGER PRIMARY KEY CHECK (slot = 1),
    record_version     INTEGER NOT NULL DEFAULT 1,
    id                 INTEGER NOT NULL,
    -- LIVE until somebody says what became of it: COMMITTED, DEADLINE, REBOOT or ASKED. FORGOTTEN: it
    -- was rolled back, and other settings were written since. One that is LIVE here is over all the
    -- same in another boot, or when its second of that boot has come.
    state              TEXT NOT NULL,
    -- Through which service a code commits it.
    service            TEXT NOT NULL,
    boot_id            BLOB NOT NULL,
    boot_until         INTEGER NOT NULL,
    -- The wall clock then, for people, and when it was said what became of it.
    until              INTEGER NOT NULL,
    ended              INTEGER,
    -- What is tried. NULL: what is stored counts.
    enabled            INTEGER,
    ssh                INTEGER,
    window_steps       INTEGER,
    unenrolled         TEXT,
    security_keys      TEXT,
    grace_days         INTEGER,
    bypass_minutes_max INTEGER,
    bypass_uses_max    INTEGER,
    free_failures      INTEGER,
    first_wait_secs    INTEGER,
    source_failures    INTEGER,
    account_failures   INTEGER
) STRICT;

-- What sshd and PAM were last found to do, as root's midclt told it.
CREATE TABLE sshd_report (
    slot           INTEGER PRIMARY KEY CHECK (slot = 1),
    record_version INTEGER NOT NULL DEFAULT 1,
    at             INTEGER NOT NULL,
    -- Whether they ask as they should.
    ready          INTEGER NOT NULL,
    -- The rest, in JSON.
    report         TEXT NOT NULL
) STRICT;

-- What a proven key in hardware counts for: ASK or BOTH_FACTORS.
ALTER TABLE policy ADD COLUMN security_keys TEXT NOT NULL DEFAULT 'ASK';

-- The fingerprint of the key that an exemption holds for alone, and its end then. `until` is 0 where
-- there is one, because release 2 would take it for one of the whole account.
ALTER TABLE exemptions ADD COLUMN key TEXT;
ALTER TABLE exemptions ADD COLUMN key_until INTEGER;
