#include "evaluation/report_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "evaluation/report_text.h"

namespace leat {
namespace {

constexpr double kLeft = 64, kRight = 18, kTop = 16, kBottom = 54;

double ChartY(const Chart& chart, double y) {
  const double share = (y - chart.y_low) / (chart.y_high - chart.y_low);
  return chart.height - kBottom - share * (chart.height - kBottom - kTop);
}

void AppendGrid(const Chart& chart, std::string& out) {
  auto to = std::back_inserter(out);
  const double right = chart.width - kRight, bottom = chart.height - kBottom;
  const bool two_lines = std::any_of(chart.x_ticks.begin(), chart.x_ticks.end(),
                                     [](const ChartTick& tick) { return !tick.second.empty(); });
  out += "<g class=\"grid\">";
  for (const ChartTick& tick : chart.y_ticks) {
    const double y = ChartY(chart, tick.at);
    fmt::format_to(to, "<path d=\"M{:.1f} {:.1f}H{:.1f}\"/>", kLeft, y, right);
  }
  out += "</g><g class=\"tick\">";
  for (const ChartTick& tick : chart.y_ticks) {
    fmt::format_to(to, "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 8,
                   ChartY(chart, tick.at) + 4, EscapeHtml(tick.label));
  }
  for (const ChartTick& tick : chart.x_ticks) {
    const double x = ChartX(chart, tick.at);
    fmt::format_to(to, "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", x,
                   bottom + 18, EscapeHtml(tick.label));
    if (!tick.second.empty()) {
      fmt::format_to(
          to, "<text class=\"second\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
          x, bottom + 32, EscapeHtml(tick.second));
    }
  }
  fmt::format_to(to,
                 "</g><path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>"
                 "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>"
                 "<text class=\"label\" transform=\"translate(13 {:.1f}) rotate(-90)\" "
                 "text-anchor=\"middle\">{}</text>",
                 kLeft, bottom, right, (kLeft + right) / 2, bottom + (two_lines ? 49 : 38),
                 EscapeHtml(chart.x_label), (kTop + bottom) / 2, EscapeHtml(chart.y_label));
}

/// A value far off the axes is clipped anyway: its digits are few.
double NearY(const Chart& chart, double y) { return std::clamp(ChartY(chart, y), -1e4, 1e4); }

void AppendBand(const Chart& chart, const ChartBand& band, std::string& out) {
  std::string path;
  const auto whole = [](const ChartBand::Point& p) {
    return std::isfinite(p.low) && std::isfinite(p.high);
  };
  for (size_t from = 0; from < band.points.size();) {
    size_t to = from;
    while (to < band.points.size() && whole(band.points[to])) ++to;
    if (to == from) {
      ++from;
      continue;
    }
    char pen = 'M';
    const auto go = [&](const ChartBand::Point& p, double y) {
      fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", pen, ChartX(chart, p.x),
                     NearY(chart, y));
      pen = 'L';
    };
    for (size_t i = from; i < to; ++i) go(band.points[i], band.points[i].high);
    for (size_t i = to; i-- > from;) go(band.points[i], band.points[i].low);
    path += 'Z';
    from = to;
  }
  fmt::format_to(std::back_inserter(out), "<path class=\"band {}\" d=\"{}\"/>", band.style, path);
}

void AppendSeries(const Chart& chart, const ChartSeries& series, std::string& out) {
  auto to = std::back_inserter(out);
  std::string path;
  bool pen_down = false;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(x) || !std::isfinite(y)) {
      pen_down = false;
      continue;
    }
    fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", pen_down ? 'L' : 'M',
                   ChartX(chart, x), NearY(chart, y));
    pen_down = true;
  }
  fmt::format_to(to, "<path class=\"line {}\" d=\"{}\"><title>{}</title></path>", series.style,
                 path, EscapeHtml(series.name));
  if (!series.dots) return;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    fmt::format_to(to, "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>",
                   series.style, ChartX(chart, x), NearY(chart, y));
  }
}

}  // namespace

double ChartX(const Chart& chart, double x) {
  const double share = (x - chart.x_low) / (chart.x_high - chart.x_low);
  return kLeft + share * (chart.width - kLeft - kRight);
}

std::vector<double> RoundTicks(double low, double high, int wanted) {
  std::vector<double> ticks;
  const double rough = (high - low) / wanted;
  if (!(rough > 0) || !std::isfinite(rough)) return ticks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double share = rough / power;
  const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
  // Beyond, one more step may be no other number.
  constexpr double kMostSteps = 1LL << 52;
  if (!(std::max(std::abs(low), std::abs(high)) / step < kMostSteps)) return ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

std::string TickLabel(double value, double step) {
  if (std::abs(value) < step * 1e-6) return "0";
  const double size = std::abs(value);
  const char* unit = "";
  if (size >= 1e6 || size >= 1e3) {
    const bool mega = size >= 1e6;
    value /= mega ? 1e6 : 1e3;
    step /= mega ? 1e6 : 1e3;
    unit = mega ? "M" : "k";
  }
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}{}", value, decimals, unit);
}

std::string DrawChart(const Chart& chart) {
  std::string out;
  auto to = std::back_inserter(out);
  const double right = chart.width - kRight, bottom = chart.height - kBottom;
  fmt::format_to(to,
                 "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-labelledby=\"{}-t {}-d\">"
                 "<title id=\"{}-t\">{}</title><desc id=\"{}-d\">{}</desc>"
                 "<clipPath id=\"{}-c\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                 "height=\"{:.1f}\"/></clipPath>",
                 chart.width, chart.height, chart.id, chart.id, chart.id, EscapeHtml(chart.title),
                 chart.id, EscapeHtml(chart.description), chart.id, kLeft - 4, kTop - 4,
                 right - kLeft + 8, bottom - kTop + 8);
  AppendGrid(chart, out);
  for (const ChartMark& mark : chart.marks) {
    const double x = ChartX(chart, mark.x);
    fmt::format_to(to,
                   "<g class=\"mark{}\"><path d=\"M{:.1f} {:.1f}V{:.1f}\"/>"
                   "<path class=\"flag\" d=\"M{:.1f} {:.1f}l-5 -8h10z\"/><title>{}</title></g>",
                   mark.warning ? " warning" : "", x, kTop, bottom, x, kTop + 2,
                   EscapeHtml(mark.title));
  }
  fmt::format_to(to, "<g clip-path=\"url(#{}-c)\">", chart.id);
  if (chart.diagonal) {
    fmt::format_to(to, "<path class=\"diagonal\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>",
                   ChartX(chart, chart.x_low), ChartY(chart, chart.x_low),
                   ChartX(chart, chart.x_high), ChartY(chart, chart.x_high));
  }
  for (const ChartBand& band : chart.bands) AppendBand(chart, band, out);
  // The first series serves: it is drawn last, on top.
  for (size_t i = chart.series.size(); i-- > 0;) AppendSeries(chart, chart.series[i], out);
  out += "</g></svg>";
  return out;
}

}  // namespace leat
