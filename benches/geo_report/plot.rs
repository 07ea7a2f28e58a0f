//! Curves, drawn as SVG.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::rounds::Samples;

const SIZE: (u32, u32) = (880, 500);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 94, 184),
    RGBColor(130, 130, 130),
    RGBColor(214, 96, 24),
    RGBColor(28, 140, 84),
    RGBColor(150, 60, 160),
    RGBColor(60, 60, 60),
];

/// Curves over one axis.
pub(crate) struct Plot {
    /// Its name in the report's folder.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    /// Where no curve is.
    pub(crate) legend: SeriesLabelPosition,
    /// What each axis counts, and how it is divided.
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) curves: Vec<Curve>,
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) what: &'static str,
    /// Powers of ten, each as far from the next as another.
    pub(crate) is_log: bool,
}

/// One contestant.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, Samples)>,
}

impl Plot {
    pub(crate) fn draw(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let path = folder.join(self.file);
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area);
        chart.caption(self.title, ("sans-serif", 20)).margin(12);
        chart.x_label_area_size(44).y_label_area_size(74);
        let (x, y) = (self.range(Side::X), self.range(Side::Y));
        match (self.x.is_log, self.y.is_log) {
            (true, true) => {
                let on =
                    chart.build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
                self.fill(on)?;
            }
            (true, false) => {
                self.fill(chart.build_cartesian_2d((x.0..x.1).log_scale(), y.0..y.1)?)?;
            }
            (false, true) => {
                self.fill(chart.build_cartesian_2d(x.0..x.1, (y.0..y.1).log_scale())?)?;
            }
            (false, false) => self.fill(chart.build_cartesian_2d(x.0..x.1, y.0..y.1)?)?,
        }
        area.present()?;
        Ok(())
    }

    fn fill<'a, X, Y>(
        &self,
        mut chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    ) -> Result<(), Box<dyn Error>>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(self.x.what).y_desc(self.y.what).label_style(("sans-serif", 13));
        mesh.axis_desc_style(("sans-serif", 14)).light_line_style(BLACK.mix(0.05));
        mesh.x_label_formatter(&|value| short(*value)).y_label_formatter(&|value| short(*value));
        mesh.draw()?;
        for (curve, colour) in self.curves.iter().zip(COLOURS) {
            let medians = curve.points.iter().map(|(x, samples)| (*x, samples.median()));
            chart
                .draw_series(LineSeries::new(medians.clone(), colour.stroke_width(2)))?
                .label(curve.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
            chart.draw_series(medians.map(|at| Circle::new(at, 3, colour.filled())))?;
            chart.draw_series(curve.points.iter().map(|(x, samples)| {
                let (low, high) = samples.spread();
                PathElement::new([(*x, low), (*x, high)], colour.mix(0.45).stroke_width(3))
            }))?;
        }
        let mut labels = chart.configure_series_labels();
        labels.position(self.legend.clone()).label_font(("sans-serif", 14));
        labels.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.2)).draw()?;
        Ok(())
    }

    /// From the least to the most, with a margin; from nothing on where that is possible.
    fn range(&self, side: Side) -> (f64, f64) {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let (low, high) = points.fold((f64::INFINITY, 0.0_f64), |(low, high), (x, samples)| {
            let of = match side {
                Side::X => (*x, *x),
                Side::Y => samples.spread(),
            };
            (low.min(of.0), high.max(of.1))
        });
        let axis = match side {
            Side::X => self.x,
            Side::Y => self.y,
        };
        match (axis.is_log, side) {
            (true, Side::X) => (low / 1.2, high * 1.2),
            (true, Side::Y) => (low / 1.5, high * 4.0),
            (false, Side::X) => (low, high),
            (false, Side::Y) => (0.0, high * 1.45),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    X,
    Y,
}

/// All points of all curves, as a table.
pub(crate) fn write_figures(plots: &[Plot], folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut table = "plot,curve,x,median,first_quarter,third_quarter\n".to_owned();
    for plot in plots {
        for curve in &plot.curves {
            for (x, samples) in &curve.points {
                let (low, high) = samples.spread();
                let (file, name, median) = (plot.file, curve.name, samples.median());
                writeln!(table, "{file},{name},{x},{median:.4},{low:.4},{high:.4}")?;
            }
        }
    }
    std::fs::write(folder.join("figures.csv"), table)?;
    Ok(())
}

/// With k for thousands and M for millions.
fn short(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{} M", millions / 1e6),
        thousands if thousands >= 1e3 => format!("{} k", thousands / 1e3),
        less => format!("{}", (less * 1e6).round() / 1e6),
    }
}
