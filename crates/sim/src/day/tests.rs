use std::path::PathBuf;

use super::*;

const ORDERS: &str = "order_id,pick_lat,pick_lng,drop_lat,drop_lng,placed_s,prep_start_s,ready_s,\
                      expected_dropoff_s\n";
const COURIERS: &str = "courier_id,vehicle,on_lat,on_lng,on_s,off_s\n";
const ORDER: &str = "1,4.8,-75.7,4.81,-75.69,100,160.7,700,2800\n";
const COURIER: &str = "1,bicycle,4.8,-75.7,0,3600\n";

/// Writes both files under a name of this test's own and reads them.
fn read(name: &str, orders: &[u8], couriers: &[u8]) -> Result<Day, DayError> {
    let folder = std::env::temp_dir().join(format!("doorstep-day-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (first, second) = (folder.join("orders.csv"), folder.join("couriers.csv"));
    std::fs::write(&first, orders).unwrap();
    std::fs::write(&second, couriers).unwrap();
    let day = Day::read(&first, &second);
    std::fs::remove_dir_all(&folder).unwrap();
    day
}

fn text(name: &str, orders: &str, couriers: &str) -> Result<Day, DayError> {
    read(name, orders.as_bytes(), couriers.as_bytes())
}

#[test]
fn a_good_day_is_read_with_its_decimals_and_its_lines() {
    let day = text("good", &format!("{ORDERS}{ORDER}"), &format!("{COURIERS}{COURIER}")).unwrap();
    assert_eq!(day.bad_row_count, 0);
    assert_eq!((day.orders[0].line, day.orders[0].accept_s), (2, 160));
    assert_eq!(day.orders[0].pickup, LatLng::new(4.8, -75.7).unwrap());
    assert_eq!(day.couriers[0].vehicle, Vehicle::Bicycle);
    assert_eq!((day.couriers[0].on_s, day.couriers[0].off_s), (0, 3_600));
}

#[test]
fn columns_are_found_by_name_and_others_left_alone() {
    let couriers = "off_s,note,on_s,on_lng,on_lat,vehicle,courier_id\n9,x,1,-75.7,4.8,car,7\n";
    let day = text("columns", &format!("{ORDERS}{ORDER}"), couriers).unwrap();
    assert_eq!((day.couriers[0].vehicle, day.couriers[0].off_s), (Vehicle::Car, 9));
}

#[test]
fn a_file_that_is_not_of_the_schema_is_refused_with_its_line_and_reason() {
    let good = format!("{COURIERS}{COURIER}");
    let missing = ORDERS.replace(",ready_s", "") + "1,4.8,-75.7,4.81,-75.69,100,160,2800\n";
    let twice = ORDERS.replace("prep_start_s", "ready_s") + ORDER;
    for (name, orders, reason) in [
        ("empty", "", "the file is empty, or has no rows"),
        ("rowless", ORDERS, "the file is empty, or has no rows"),
        ("missing", &missing, "there is no column ready_s"),
        ("twice", &twice, "there is no column prep_start_s"),
    ] {
        let error = text(name, orders, &good).unwrap_err();
        assert_eq!((error.line, error.reason.as_str()), (1, reason), "{name}");
        assert!(error.file.ends_with("orders.csv"));
    }
    let nowhere = PathBuf::from("/nonexistent/orders.csv");
    let error = Day::read(&nowhere, &nowhere).unwrap_err();
    assert_eq!((error.line, &error.file), (0, &nowhere));
}

#[test]
fn a_bad_row_is_named_by_line_and_reason_and_the_day_goes_on() {
    let rows = [
        ("2,4.8,-75.7,4.81,-75.69,100,99,700,2800", "prep_start_s (99) is before placed_s (100)"),
        ("3,4.8,-75.7,4.81,-75.69,100,160,159,2800", "ready_s (159) is before prep_start_s (160)"),
        (
            "4,4.8,-75.7,4.81,-75.69,100,160,700,99",
            "expected_dropoff_s (99) is before placed_s (100)",
        ),
        ("5,NaN,-75.7,4.81,-75.69,100,160,700,2800", "pick_lat is no number: \"NaN\""),
        ("6,91,-75.7,4.81,-75.69,100,160,700,2800", "pick_lat, pick_lng: latitude 91 is not"),
        ("7,4.8,-75.7,4.81,-75.69,-1,160,700,2800", "placed_s is not within two days: -1"),
        ("8,4.8,-75.7,4.81,-75.69,soon,160,700,2800", "placed_s is no number: \"soon\""),
        ("9,4.8,-75.7", "3 fields, the header has 9"),
        ("1,4.8,-75.7,4.81,-75.69,100,160,700,2800", "its id occurs before: 1"),
        (",4.8,-75.7,4.81,-75.69,100,160,700,2800", "it has no id"),
    ];
    let mut orders = format!("{ORDERS}{ORDER}");
    for (row, _) in rows {
        orders.push_str(row);
        orders.push('\n');
    }
    let couriers = format!("{COURIERS}{COURIER}2,rocket,4.8,-75.7,0,1\n3,car,4.8,-75.7,5,5\n");
    let day = text("dirt", &orders, &couriers).unwrap();
    assert_eq!((day.orders.len(), day.couriers.len()), (1, 1));
    assert_eq!(day.bad_row_count, 12);
    for (index, (row, reason)) in rows.iter().enumerate() {
        let bad = &day.bad_rows[index];
        assert_eq!(bad.line, u64::try_from(index).unwrap() + 3, "{row}");
        assert!(bad.reason.starts_with(reason), "{row}: {}", bad.reason);
    }
    assert_eq!(day.bad_rows[10].reason, "no such vehicle: \"rocket\"");
    assert_eq!(day.bad_rows[11].reason, "off_s (5) is not after on_s (5)");
    assert!(day.bad_rows[11].file.ends_with("couriers.csv"));
}

#[test]
fn bytes_that_are_no_text_are_one_bad_row() {
    let mut orders = format!("{ORDERS}{ORDER}").into_bytes();
    orders.extend(b"2,\xff\xfe,-75.7,4.81,-75.69,100,160,700,2800\n");
    let day = read("bytes", &orders, format!("{COURIERS}{COURIER}").as_bytes()).unwrap();
    assert_eq!((day.orders.len(), day.bad_row_count), (1, 1));
}

#[test]
fn more_bad_rows_than_are_named_are_counted_all() {
    let mut orders = format!("{ORDERS}{ORDER}");
    for _ in 0..BAD_ROWS_NAMED + 5 {
        orders.push_str("bad\n");
    }
    let day = text("many", &orders, &format!("{COURIERS}{COURIER}")).unwrap();
    assert_eq!(day.bad_rows.len(), BAD_ROWS_NAMED);
    assert_eq!(day.bad_row_count, u64::try_from(BAD_ROWS_NAMED).unwrap() + 5);
}

#[test]
fn the_recorded_days_are_read_but_for_their_dirt() {
    let folder = std::env::var_os("DOORSTEP_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    // Rows, then those of them in which time goes back.
    for (city, orders, bad_orders, couriers, bad_couriers) in [
        ("pereira", 844, 0, 415, 1),
        ("medellin", 24_720, 36, 6_570, 55),
        ("bogota", 31_199, 56, 13_152, 606),
    ] {
        let file = |what: &str| folder.join("rappi").join(format!("{city}_{what}.csv"));
        if !file("orders").exists() {
            eprintln!("skipped: {} is not there", file("orders").display());
            continue;
        }
        let day = Day::read(&file("orders"), &file("couriers")).unwrap();
        assert_eq!(day.orders.len(), orders - bad_orders, "{city}");
        assert_eq!(day.couriers.len(), couriers - bad_couriers, "{city}");
        let bad = u64::try_from(bad_orders + bad_couriers).unwrap();
        assert_eq!(day.bad_row_count, bad, "{city}");
    }
}
