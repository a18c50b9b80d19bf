#include <array>
#include <charconv>
#include <cmath>

#include <prometheus/metric_family.h>

#include "metrics/families.hpp"

namespace outrigger::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// The spec wants bounds as canonical floats: "1.0", never "1".
std::string bound(double value) {
  std::string text = number(value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

struct Writer {
  std::string out;

  void sample(std::string_view name, std::string_view suffix,
              const prometheus::ClientMetric& metric, const std::string& le,
              const std::string& value) {
    out += name;
    out += suffix;
    char separator = '{';
    for (const auto& label : metric.label) label_to(separator, label.name, label.value);
    if (!le.empty()) label_to(separator, "le", le);
    if (separator == ',') out += '}';
    out += ' ';
    out += value;
    out += '\n';
  }

  void histogram(std::string_view name, const prometheus::ClientMetric& metric) {
    for (const auto& bucket : metric.histogram.bucket) {
      sample(name, "_bucket", metric, bound(bucket.upper_bound),
             std::to_string(bucket.cumulative_count));
    }
    sample(name, "_count", metric, "", std::to_string(metric.histogram.sample_count));
    sample(name, "_sum", metric, "", number(metric.histogram.sample_sum));
  }

  void family(const prometheus::MetricFamily& family) {
    std::string_view name = family.name;
    std::string_view type = "gauge";
    if (family.type == prometheus::MetricType::Histogram) type = "histogram";
    if (family.type == prometheus::MetricType::Counter) {
      type = "counter";
      // The family goes without the suffix that its samples have.
      if (name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
    }
    out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
    out.append("# HELP ").append(name).append(" ");
    append_escaped(out, family.help);
    out += '\n';
    for (const auto& metric : family.metric) {
      if (type == "histogram") {
        histogram(name, metric);
      } else if (type == "counter") {
        sample(name, kTotal, metric, "", number(metric.counter.value));
      } else {
        sample(name, "", metric, "", number(metric.gauge.value));
      }
    }
  }

 private:
  void label_to(char& separator, std::string_view name, std::string_view value) {
    out += separator;
    separator = ',';
    out.append(name).append("=\"");
    append_escaped(out, value);
    out += '"';
  }
};

}  // namespace

std::string to_open_metrics(const std::vector<prometheus::MetricFamily>& families) {
  Writer writer;
  for (const auto& family : families) writer.family(family);
  return std::move(writer.out);
}

}  // namespace outrigger::metrics
