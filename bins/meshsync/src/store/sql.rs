//! `meshsync sql`.

use std::io::{BufWriter, Write};

use meshsync::store::Store;

use super::args::SqlArgs;
use crate::failure::Failure;
use crate::output;

/// Prints what a query finds.
pub(crate) fn sql(args: &SqlArgs) -> Result<(), Failure> {
    let store = Store::open_to_read(&args.store.store).map_err(Failure::configuration)?;
    let found = store
        .query(&args.query, args.time_max)
        .map_err(Failure::other)?;
    let head: Vec<&str> = found.columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = found
        .rows
        .iter()
        .map(|row| row.iter().map(ToString::to_string).collect())
        .collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = output::table(&mut out, &head, &rows).and_then(|()| out.flush());
    output::finish(written)
}
