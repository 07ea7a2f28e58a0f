//! Times as RFC 3339 writes them.

use doorstep_core::time::{Span, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// A time: RFC 3339, UTC, to the millisecond (`2026-11-22T10:30:00.000Z`). Any offset is read, and
/// nothing but RFC 3339.
///
/// Years are 0 to 9999. What lies beyond the calendar (the last day of 9999 included, for which there
/// may be no local time) is read and shown as its first or last moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T10:30:00.000Z")]
pub struct Time(pub Timestamp);

impl Time {
    /// `None` for [`Timestamp::NEVER`], and for times that a calendar of four-digit years has not.
    #[must_use]
    pub fn of(at: Timestamp) -> Option<Self> {
        (shown(at).as_millisecond() == at.as_millis()).then_some(Self(at))
    }
}

/// A text that is no time of RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is written as in RFC 3339: 2026-11-22T10:30:00Z")]
pub struct BadTime;

impl std::str::FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        read(text).ok_or(BadTime)
    }
}

fn read(text: &str) -> Option<Time> {
    let (local, rest) = text.split_at_checked(19)?;
    let is_form = local.bytes().zip("dddd-dd-ddTdd:dd:dd".bytes()).all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        form => byte == form,
    });
    let local: DateTime = is_form.then(|| local.to_ascii_uppercase().parse().ok()).flatten()?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest.split_at_checked(digits).filter(|(fraction, _)| !fraction.is_empty())?
        }
    };
    let millis = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let ahead = match zone {
        "Z" | "z" => 0,
        _ => offset_s(zone)?,
    };
    // Beyond the calendar's last moment there is only that.
    let local = Offset::UTC.to_timestamp(local).unwrap_or(jiff::Timestamp::MAX);
    let at = local.as_millisecond().saturating_sub(ahead.saturating_mul(1_000));
    let at = Timestamp::from_millis(at).saturating_add(Span::from_millis(millis));
    Some(Time(Timestamp::from_millis(shown(at).as_millisecond())))
}

/// `+hh:mm` or `-hh:mm`, in seconds.
fn offset_s(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.strip_prefix('+') {
        Some(digits) => (1_i64, digits),
        None => (-1, zone.strip_prefix('-')?),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two = |text: &str, most: i64| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_two.then(|| text.parse::<i64>().ok()).flatten().filter(|number| *number <= most)
    };
    let (hours, minutes) = (two(hours, 23)?, two(minutes, 59)?);
    let seconds = hours.saturating_mul(3_600).saturating_add(minutes.saturating_mul(60));
    Some(seconds.saturating_mul(sign))
}

/// The nearest time that the calendar has.
fn shown(at: Timestamp) -> jiff::Timestamp {
    /// 0000-01-01T00:00:00Z.
    const FIRST_MS: i64 = -62_167_219_200_000;
    let at = at.as_millis().clamp(FIRST_MS, jiff::Timestamp::MAX.as_millisecond());
    jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX)
}

impl Time {
    /// As it is shown. An answer has several, so they are written without the formatter.
    fn text(self) -> [u8; 24] {
        fn digits<const N: usize>(number: u16) -> [u8; N] {
            let mut rest = number;
            let mut digits = [0; N];
            for digit in digits.iter_mut().rev() {
                *digit = b'0' | u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
            digits
        }
        let at = Offset::UTC.to_datetime(shown(self.0));
        let two = |number: i8| digits::<2>(number.unsigned_abs().into());
        let [y0, y1, y2, y3] = digits(at.year().unsigned_abs());
        let ([o0, o1], [d0, d1]) = (two(at.month()), two(at.day()));
        let ([h0, h1], [m0, m1]) = (two(at.hour()), two(at.minute()));
        let ([s0, s1], [f0, f1, f2]) = (two(at.second()), digits(at.millisecond().unsigned_abs()));
        [
            y0, y1, y2, y3, b'-', o0, o1, b'-', d0, d1, b'T', h0, h1, b':', m0, m1, b':', s0, s1,
            b'.', f0, f1, f2, b'Z',
        ]
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse().map_or_else(|BadTime| "none".to_owned(), |time: Time| time.to_string())
    }

    #[test]
    fn every_time_of_rfc_3339_is_read_and_nothing_else() {
        for (text, time) in [
            ("2026-11-22T10:30:00Z", "2026-11-22T10:30:00.000Z"),
            ("2026-11-22t10:30:00.5z", "2026-11-22T10:30:00.500Z"),
            ("2026-11-22 10:30:00.123456789012Z", "2026-11-22T10:30:00.123Z"),
            ("2026-11-22T10:30:00-05:30", "2026-11-22T16:00:00.000Z"),
            ("2026-11-22T10:30:00+23:59", "2026-11-21T10:31:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00+01:00", "0000-01-01T00:00:00.000Z"),
            ("9999-12-30T21:59:59Z", "9999-12-30T21:59:59.000Z"),
            ("9999-12-31T23:59:59.999-23:59", "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(shown(text), time, "{text}");
        }
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:30Z",
            "20261122T103000Z",
            "2026-11-22T10:30:00",
            "2026-11-22T10:30:00.Z",
            "2026-11-22T10:30:00+0100",
            "2026-11-22T10:30:00+24:00",
            "2026-11-22T10:30:00+01:00[Europe/Berlin]",
            "-002026-11-22T10:30:00Z",
            "2026-02-30T10:30:00Z",
            "2026-11-22T25:30:00Z",
            "2026-11-22T10:30:00Z ",
            "2026-11-22T10:30:00+1:000",
            "2026-11-22T10:30:0é0Z",
            "1700000000",
        ] {
            assert_eq!(shown(text), "none", "{text}");
        }
    }

    #[test]
    fn a_time_that_no_calendar_has_is_still_said() {
        let last = Time(Timestamp::from_millis(i64::MAX));
        assert_eq!(serde_json::to_string(&last).unwrap(), r#""9999-12-30T22:00:00.999Z""#);
        assert_eq!(Time::of(Timestamp::NEVER), None);
        assert_eq!(Time(Timestamp::from_millis(i64::MIN)).to_string(), "0000-01-01T00:00:00.000Z");
    }
}
