-- One row for each room that exists. Who is in it is the engine's to know.
CREATE TABLE rooms (
    id             TEXT    NOT NULL PRIMARY KEY,
    app            INTEGER NOT NULL, -- sdkAppID whose users may see it
    creator        TEXT    NOT NULL, -- user ID
    name           TEXT    NOT NULL,
    title          TEXT    NOT NULL,
    style          TEXT    NOT NULL, -- 'RTCRoom' or 'LiveRoom'
    template       TEXT    NOT NULL, -- '1v1' … '1v4'
    created        INTEGER NOT NULL, -- UNIX time, s
    creator_joined INTEGER NOT NULL DEFAULT 0 -- 1 once the creator has been in it
);

CREATE INDEX rooms_newest ON rooms (app, created DESC);
