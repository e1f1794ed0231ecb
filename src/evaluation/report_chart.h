/// Charts of the HTML report, drawn as inline SVG.
///
/// Colours and strokes are classes of the page's style (s0, s1, ... for models, b0, b1, ... for
/// baselines), so that a chart follows the page into dark mode. Baselines differ by dash as well as
/// by shade, models by hue (Okabe and Ito's palette, safe for colour-blind readers).
/// Cost: linear in the points. Thread safety: pure functions. Determinism: no clock, no locale.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat {

struct ChartSeries {
  std::string name;
  std::string style;                              ///< Class names: "s0", "b1".
  std::vector<std::pair<double, double>> points;  ///< A y that is not finite interrupts the line.
  bool dots = false;
};

struct ChartBand {  ///< An area between two lines.
  struct Point {
    double x, low, high;  ///< Ends that are not finite interrupt it.
  };
  std::string style;
  std::vector<Point> points;
};

struct ChartMark {  ///< A vertical line.
  double x;
  std::string title;
  bool warning;
};

struct ChartTick {
  double at;
  std::string label;
  std::string second;  ///< A smaller line below; may be empty.
};

struct Chart {
  std::string id;     ///< Unique on the page: names the clip path and the descriptions.
  std::string title;  ///< Read aloud.
  std::string description;
  std::string x_label;
  std::string y_label;
  double width = 960;
  double height = 340;
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool logarithmic = false;  ///< Both axes; limits and points are powers of ten then.
  bool diagonal = false;     ///< The line y = x, for calibration.
  std::vector<ChartTick> x_ticks, y_ticks;
  std::vector<ChartBand> bands;  ///< Below the series.
  std::vector<ChartSeries> series;
  std::vector<ChartMark> marks;
};

/// About `wanted` round values between the limits (1, 2 or 5 times a power of ten apart); none
/// where the limits differ by too little for that.
std::vector<double> RoundTicks(double low, double high, int wanted);
/// A tick label as short as its step allows: "0.25", "1.5M".
std::string TickLabel(double value, double step);

/// Pixel of a value on the horizontal axis.
double ChartX(const Chart& chart, double x);

std::string DrawChart(const Chart& chart);

}  // namespace leat
