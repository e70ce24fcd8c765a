//! Time zones by their IANA names.

use super::mistake::nearest;
use super::section::{Reading, Section};
use bursar_ledger::Zone;
use jiff::tz::TimeZoneDatabase;

/// The section's `time_zone`, checked to exist.
pub(super) fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let spot = section.text("time_zone", reading)?;
    if Zone::parse(spot.text).is_ok() {
        return Some(spot.text.to_owned());
    }
    let names: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    // People name the city and leave out the continent.
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let wanted = spot.text.replace(' ', "_");
    let by_city = names.iter().find(|name| city(name).eq_ignore_ascii_case(&wanted));
    let near = by_city.map(String::as_str).or_else(|| nearest(spot.text, names.iter().map(String::as_str)));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write an IANA name such as `\"Europe/Berlin\"` or `\"UTC\"`".to_owned(),
    };
    let path = section.field("time_zone");
    reading.wrong(spot.place, &path, format!("`{path}`: there is no time zone `{}`", spot.text), help);
    None
}
