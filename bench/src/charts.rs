//! The charts: horizontal bars in groups, on a logarithmic scale, since the contenders are orders
//! of magnitude apart. The background is white, for GitHub's dark theme, too.

use crate::statistics::number;
use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Blue, orange and green that the colour-blind can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 3] =
    [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(0, 158, 115)];
const FONT: &str = "sans-serif";
const WIDTH: u32 = 860;
const BAR: u32 = 18;

/// Draws one bar for each value of each group, `series` naming a group's values in turn.
pub fn bars(
    name: &str,
    title: &str,
    unit: &str,
    series: &[&str],
    groups: &[(String, Vec<f64>)],
) -> Result<()> {
    draw(name, title, unit, series, groups).map_err(|error| anyhow!("{name}.svg: {error}"))
}

fn draw(
    name: &str,
    title: &str,
    unit: &str,
    series: &[&str],
    groups: &[(String, Vec<f64>)],
) -> Result<(), Box<dyn std::error::Error>> {
    let rows = groups.len() * (series.len() + 1);
    let file = format!("bench/charts/{name}.svg");
    let root = SVGBackend::new(&file, (WIDTH, 120 + BAR * rows as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let values = || groups.iter().flat_map(|(_, values)| values).copied();
    let low = 10f64.powf(values().fold(f64::MAX, f64::min).log10().floor());
    let high = values().fold(low, f64::max) * 2.5; // room for the number at the longest bar
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 20))
        .margin(12)
        .margin_top(8)
        .x_label_area_size(44)
        .y_label_area_size(210)
        .build_cartesian_2d((low..high).log_scale(), rows as f64 + 1.0..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_max_light_lines(1)
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(230, 230, 230))
        .x_desc(format!("{unit}, logarithmic"))
        .x_label_formatter(&|value| value.to_string())
        .x_labels(5)
        .label_style((FONT, 13))
        .draw()?;

    let right = Pos::new(HPos::Right, VPos::Center);
    let left = Pos::new(HPos::Left, VPos::Center);
    let text = |size: u32, pos: Pos| (FONT, size).into_text_style(&root).pos(pos);
    let area = chart.plotting_area();
    for (group, (label, values)) in groups.iter().enumerate() {
        let top = (group * (series.len() + 1) + 1) as f64;
        let (x, y) = area.map_coordinate(&(low, top + values.len() as f64 / 2.0));
        root.draw(&Text::new(label.as_str(), (x - 8, y), text(14, right)))?;
        for (index, &value) in values.iter().enumerate() {
            let y = top + index as f64;
            let bar = [(low, y + 0.08), (value, y + 0.92)];
            area.draw(&Rectangle::new(bar, COLOURS[index].filled()))?;
            let (x, y) = area.map_coordinate(&(value, y + 0.5));
            root.draw(&Text::new(number(value), (x + 5, y), text(13, left)))?;
        }
    }
    // The legend has a line of its own above the bars.
    for (index, name) in series.iter().enumerate().filter(|_| series.len() > 1) {
        let (x, y) = area.map_coordinate(&(low, 0.35));
        let x = x + 190 * index as i32;
        root.draw(&Rectangle::new([(x, y - 5), (x + 10, y + 5)], COLOURS[index].filled()))?;
        root.draw(&Text::new(*name, (x + 16, y), text(13, left)))?;
    }
    root.present()?;
    Ok(())
}
