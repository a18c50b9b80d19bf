// Puts the sidecar into the pod templates of manifests, and takes it out again. What has no
// workload passes byte for byte; what is written in block style keeps its comments and style. Pure
// functions on text; used by the command line only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/inject/settings.hpp"

namespace outrigger::inject {

// What became of one workload, or of a document that could not be read.
struct Report {
  enum class What : uint8_t { kInjected, kUnchanged, kRemoved, kSkipped, kRefused };
  std::string workload;  // `deployment/orders`, or the line where the document begins
  What what = What::kInjected;
  std::string detail;
};
// `deployment/orders  injected  redirect, config outrigger-orders`
std::string to_string(const Report& report);

struct Changed {
  std::string text;
  std::vector<Report> reports;
};

// Those whose documents are in the text.
std::vector<Namespace> namespaces_in(std::string_view text);

Changed inject(std::string_view text, const Options& options,
               const std::vector<Namespace>& namespaces);
// `unchanged` are those that have no sidecar of ours.
Changed uninject(std::string_view text);

}  // namespace outrigger::inject
