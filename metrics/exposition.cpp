#include "metrics/exposition.hpp"

#include <algorithm>

#include "proxy/http/fields.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::metrics {
namespace {

// qvalue = 0 to 1 with up to three digits after the point (RFC 9110 section 12.4.2), in
// thousandths. What is none counts as 0: nobody is given what they asked for badly.
int thousandths(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  if (text.size() > 1 && text[1] != '.') return 0;
  int value = text[0] - '0';
  for (size_t digit = 2; digit < 5; ++digit) {
    const char c = digit < text.size() ? text[digit] : '0';
    if (c < '0' || c > '9') return 0;
    value = value * 10 + (c - '0');
  }
  return std::min(text.size() > 1 ? value : (text[0] - '0') * 1000, 1000);
}

struct MediaRange {
  std::string_view type;
  int quality = 1000;
  bool known_version = true;
};

MediaRange parse_range(std::string_view element) {
  MediaRange range;
  size_t end = element.find(';');
  range.type = http::trim(element.substr(0, end));
  while (end != std::string_view::npos) {
    element.remove_prefix(end + 1);
    end = element.find(';');
    const std::string_view parameter = http::trim(element.substr(0, end));
    const size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = parameter.substr(0, equals);
    const std::string_view value = parameter.substr(equals + 1);
    if (http::same_name(name, "q")) range.quality = thousandths(value);
    if (http::same_name(name, "version")) {
      range.known_version = value == "1.0.0" || value == "0.0.1" || value == "0.0.4";
    }
  }
  return range;
}

}  // namespace

Exposition negotiate(std::string_view accept) {
  int open_metrics = 0;
  int text = 0;
  http::for_each_element(accept, [&](std::string_view element) {
    const MediaRange range = parse_range(element);
    if (http::same_name(range.type, "application/openmetrics-text")) {
      if (range.known_version) open_metrics = std::max(open_metrics, range.quality);
    } else if (http::same_name(range.type, "text/plain") || http::same_name(range.type, "text/*") ||
               range.type == "*/*") {
      text = std::max(text, range.quality);
    }
  });
  return open_metrics > 0 && open_metrics >= text ? Exposition::kOpenMetrics : Exposition::kText;
}

std::string_view content_type(Exposition form) {
  return form == Exposition::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace outrigger::metrics
