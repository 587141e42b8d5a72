-- for the examples in the documentation
CREATE TABLE rooms (
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    CONSTRAINT rooms_pkey PRIMARY KEY (id)
);
