//! Any calendar of a rep: never a panic nor endless work, and what comes out is stretches of time in order, of which none reaches into
//! another, none is over, and none is more than half a year ahead.
#![no_main]

use handraiser::routing::reps::calendar;
use handraiser::time::Millis;
use libfuzzer_sys::fuzz_target;

const NOW: Millis = Millis(1_795_293_412_000);

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // Most texts are no calendar; as an event of one they get further.
    let event = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:vacation\r\n{text}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("it is known");
    for text in [&*text, &event] {
        let Ok(away) = calendar::read(text, "ana@x.example", &zone, NOW) else { continue };
        assert!(away.iter().all(|(from, until)| from < until && *until > NOW && *from < NOW.plus(181 * Millis::DAY)));
        assert!(away.windows(2).all(|two| two[0].1 < two[1].0), "{away:?}");
    }
});
