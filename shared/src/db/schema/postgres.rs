//! Tables as Postgres' catalog describes them.

use super::table::{Check, Column, ForeignKey, Key, Table, TableName};
use crate::db::Row;
use crate::db::executor::{Access, Executor};
use crate::entity::EntityValue as _;
use crate::error::Result;

const COLUMNS: &str = "
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.atthasdef OR a.attidentity <> '', coalesce(c.collname::text, '')
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation c ON c.oid = a.attcollation AND a.attcollation <> t.typcollation
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

// by way of JSON: `indnullsnotdistinct` came with Postgres 15
const KEYS: &str = "
SELECT n.relname::text, i.indisprimary, i.indisunique, i.indisvalid, m.amname::text,
    coalesce(pg_get_expr(i.indpred, i.indrelid, true), ''),
    coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
    EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x')),
    array_to_string(ARRAY(
        SELECT pg_get_indexdef(i.indexrelid, k::int, true) || CASE i.indoption[k - 1] & 3
            WHEN 1 THEN ' DESC NULLS LAST' WHEN 2 THEN ' NULLS FIRST' WHEN 3 THEN ' DESC' ELSE '' END
        FROM generate_series(1, i.indnkeyatts) k ORDER BY k), E'\\n')
FROM pg_index i
JOIN pg_class n ON n.oid = i.indexrelid
JOIN pg_am m ON m.oid = n.relam
WHERE i.indrelid = to_regclass($1)
ORDER BY n.relname";

const FOREIGN_KEYS: &str = "
SELECT o.conname::text,
    array_to_string(ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY k(n, i)
        JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.n ORDER BY k.i), E'\\n'),
    s.nspname::text, t.relname::text,
    array_to_string(ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY k(n, i)
        JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.n ORDER BY k.i), E'\\n'),
    concat_ws(' ',
        CASE o.confdeltype WHEN 'r' THEN 'ON DELETE RESTRICT' WHEN 'c' THEN 'ON DELETE CASCADE'
            WHEN 'n' THEN 'ON DELETE SET NULL' WHEN 'd' THEN 'ON DELETE SET DEFAULT' END,
        CASE o.confupdtype WHEN 'r' THEN 'ON UPDATE RESTRICT' WHEN 'c' THEN 'ON UPDATE CASCADE'
            WHEN 'n' THEN 'ON UPDATE SET NULL' WHEN 'd' THEN 'ON UPDATE SET DEFAULT' END,
        CASE WHEN o.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' WHEN o.condeferrable THEN 'DEFERRABLE' END,
        CASE WHEN NOT o.convalidated THEN 'NOT VALID' END)
FROM pg_constraint o
JOIN pg_class t ON t.oid = o.confrelid
JOIN pg_namespace s ON s.oid = t.relnamespace
WHERE o.conrelid = to_regclass($1) AND o.contype = 'f'
ORDER BY o.conname";

const CHECKS: &str = "
SELECT conname::text, pg_get_constraintdef(oid, true) FROM pg_constraint
WHERE conrelid = to_regclass($1) AND contype = 'c' ORDER BY conname";

/// A table, if it is there.
pub(super) async fn read(executor: &Executor, name: &TableName) -> Result<Option<Table>> {
    let name = name.quoted();
    let ask = async |sql: &'static str| {
        let mut args = executor.args();
        name.bind(&mut args);
        executor.fetch_all(Access::Read, sql, args, None).await
    };
    let columns = ask(COLUMNS).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let mut table = Table { columns: columns.iter().map(column).collect::<Result<_>>()?, ..Table::default() };
    for row in ask(KEYS).await? {
        let (key, primary) = key(&row)?;
        if primary {
            table.primary_key = key.columns;
            table.primary_key_name = Some(key.name);
        } else {
            table.keys.push(key);
        }
    }
    table.foreign_keys = ask(FOREIGN_KEYS).await?.iter().map(foreign_key).collect::<Result<_>>()?;
    table.checks = ask(CHECKS).await?.iter().map(check).collect::<Result<_>>()?;
    Ok(Some(table))
}

fn column(row: &Row) -> Result<Column> {
    let (ty, collation): (String, String) = (row.required(1)?, row.required(4)?);
    let ty = if collation.is_empty() { ty } else { format!("{ty} COLLATE \"{collation}\"") };
    Ok(Column { name: row.required(0)?, ty, nullable: !row.required::<bool>(2)?, has_default: row.required(3)? })
}

fn key(row: &Row) -> Result<(Key, bool)> {
    let (valid, method, nulls_not_distinct): (bool, String, bool) =
        (row.required(3)?, row.required(4)?, row.required(6)?);
    let mut remarks = Vec::new();
    if method != "btree" {
        remarks.push(method);
    }
    if nulls_not_distinct {
        remarks.push("nulls not distinct".to_owned());
    }
    if !valid {
        remarks.push("invalid, because building it failed".to_owned());
    }
    let key = Key {
        name: row.required(0)?,
        unique: row.required(2)?,
        columns: lines(&row.required::<String>(8)?),
        predicate: row.required(5)?,
        remarks: remarks.join(", "),
        constraint: row.required(7)?,
    };
    Ok((key, row.required(1)?))
}

fn foreign_key(row: &Row) -> Result<ForeignKey> {
    Ok(ForeignKey {
        name: Some(row.required(0)?),
        columns: lines(&row.required::<String>(1)?),
        target: TableName { schema: Some(row.required(2)?), table: row.required(3)? },
        target_columns: lines(&row.required::<String>(4)?),
        actions: row.required(5)?,
    })
}

fn check(row: &Row) -> Result<Check> {
    let definition: String = row.required(1)?;
    let expression = definition.strip_prefix("CHECK ").unwrap_or(&definition);
    Ok(Check { name: Some(row.required(0)?), expression: expression.to_owned() })
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
