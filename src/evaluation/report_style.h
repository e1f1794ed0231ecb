/// The inline style and script of the HTML report (constants; see report_html.cc for their use).
#pragma once

namespace leat {

extern const char kReportStyle[];
extern const char kReportScript[];

}  // namespace leat
