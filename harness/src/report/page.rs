//! `report.html`

use super::Report;
use anyhow::Result;

pub(super) fn document(_report: &Report) -> Result<String> {
    Ok("<!doctype html>role-serves".to_owned())
}
