//! Files of people that an operator brings to the console: kept in parts until they were imported.
//!
//! The parts are sealed by whoever brings them: a column may hold passwords.

use crate::db::{Reader, Row, Writer, params};
use crate::{Result, TenantId};

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFile {
    /// Its id.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// As it was called.
    pub name: String,
    /// The names of its columns, as they stand there.
    pub header: Vec<String>,
    /// What is between two cells.
    pub delimiter: String,
    /// How many rows it has below its header.
    pub records: u64,
    /// When it was brought.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
}

/// Some of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPart {
    /// The line of the file on which they begin.
    pub line: u64,
    /// The rows, sealed.
    pub sealed: Vec<u8>,
}

const COLUMNS: &str = "id, tenant, name, header, delimiter, records, created_at, created_by";

fn file(row: &Row<'_>) -> Result<ImportFile> {
    let header: String = row.get(3)?;
    Ok(ImportFile {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        name: row.get(2)?,
        header: serde_json::from_str(&header).unwrap_or_default(),
        delimiter: row.get(4)?,
        records: row.get::<i64>(5)?.cast_unsigned(),
        created_at: row.get(6)?,
        created_by: row.get(7)?,
    })
}

impl Reader {
    /// A tenant's files, newest first; they are few, because they do not stay.
    pub fn import_files(&self, tenant: TenantId) -> Result<Vec<ImportFile>> {
        let sql = format!("select {COLUMNS} from import_file where tenant = ?1 order by created_at desc, id");
        self.all(&sql, [tenant.0], file)
    }

    /// The file of that id.
    pub fn import_file(&self, tenant: TenantId, id: &str) -> Result<Option<ImportFile>> {
        self.first(&format!("select {COLUMNS} from import_file where tenant = ?1 and id = ?2"), (tenant.0, id), file)
    }

    /// Its part of that number.
    pub fn import_part(&self, tenant: TenantId, id: &str, part: i64) -> Result<Option<ImportPart>> {
        let sql = "select line, sealed from import_part where tenant = ?1 and file = ?2 and part = ?3";
        self.first(sql, (tenant.0, id, part), |row| {
            Ok(ImportPart { line: row.get::<i64>(0)?.cast_unsigned(), sealed: row.get(1)? })
        })
    }
}

impl Writer {
    /// Keeps a file.
    pub fn import_file_insert(&mut self, new: &ImportFile, parts: &[ImportPart]) -> Result<()> {
        let sql = "insert into import_file (id, tenant, name, header, delimiter, records, created_at, created_by)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let header = serde_json::to_string(&new.header)?;
        self.execute(
            sql,
            params![
                &new.id,
                new.tenant.0,
                &new.name,
                header,
                &new.delimiter,
                new.records.cast_signed(),
                new.created_at,
                &new.created_by,
            ],
        )?;
        for (number, part) in (0_i64..).zip(parts) {
            let sql = "insert into import_part (tenant, file, part, line, sealed) values (?1, ?2, ?3, ?4, ?5)";
            self.execute(sql, (new.tenant.0, &new.id, number, part.line.cast_signed(), &part.sealed))?;
        }
        Ok(())
    }

    /// Forgets a file; whether there was one.
    pub fn import_file_delete(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        self.execute("delete from import_part where tenant = ?1 and file = ?2", (tenant.0, id))?;
        Ok(self.execute("delete from import_file where tenant = ?1 and id = ?2", (tenant.0, id))? > 0)
    }

    /// Forgets files that were brought before an instant, but for those that a job still reads; and what jobs could not
    /// do that ended before another instant.
    pub fn imports_prune(&mut self, tenant: TenantId, files_before: i64, jobs_before: i64) -> Result<()> {
        let open = "select input from job where tenant = ?1 and finished_at is null and kind = 'import'";
        let open: Vec<String> = self.all(open, [tenant.0], |row| row.get(0))?;
        let old = "select id from import_file where tenant = ?1 and created_at < ?2";
        let old: Vec<String> = self.all(old, (tenant.0, files_before), |row| row.get(0))?;
        for id in old.iter().filter(|id| !open.iter().any(|input| input.contains(id.as_str()))) {
            self.import_file_delete(tenant, id)?;
        }
        let sql = "delete from job_failure where tenant = ?1 and job in (
                       select id from job where tenant = ?1 and finished_at < ?2 and failed > 0)";
        self.execute(sql, (tenant.0, jobs_before))?;
        Ok(())
    }
}
