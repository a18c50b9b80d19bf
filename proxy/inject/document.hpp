// A document on its way from one state to another: by lines where it is in block style, with a way
// back to the same bytes, else written anew. Owned by whoever changes it; the text must outlive it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/manifest.hpp"
#include "proxy/inject/edits.hpp"
#include "proxy/inject/workload.hpp"

namespace outrigger::inject {

class Document {
 public:
  Document(std::string_view text, config::Manifest manifest);

  const config::Node& root() const { return x_manifest.root; }
  bool is_json() const { return x_manifest.is_json; }

  // First the cuts, which leave `clean`, then the additions, which lead to `wanted`. `workloads`
  // are those that anything is added to.
  std::string change(const std::vector<Cut>& cuts, const config::Node& clean,
                     const std::vector<Addition>& additions, const config::Node& wanted,
                     const std::vector<Workload>& workloads);
  // Of the last change: what was lost by it, for people. Empty: nothing.
  std::string_view loss() const { return x_loss; }

 private:
  const std::string_view x_text;
  const config::Manifest x_manifest;
  std::string_view x_loss;
};

}  // namespace outrigger::inject
