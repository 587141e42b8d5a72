-- for the examples in the documentation
CREATE TABLE rooms (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
