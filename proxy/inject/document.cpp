#include "proxy/inject/document.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/inject/pod_template.hpp"
#include "proxy/inject/splice.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

std::optional<Node> read_yaml(std::string_view text) {
  auto manifest = config::parse_manifest(text);
  if (!manifest || manifest->is_json) return std::nullopt;
  return std::move(manifest->root);
}

// Nothing, if the text does not come to mean what it must.
template <class Changes>
std::optional<std::string> spliced_to(std::string_view text, const Node& root,
                                      const Changes& changes, const Node& wanted) {
  auto result = splice(text, root, changes);
  if (!result) return std::nullopt;
  const auto read = read_yaml(*result);
  return read && config::same_values(*read, wanted) ? result : std::nullopt;
}

// The `---` line and the comments that a document begins with.
std::string opening(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    const size_t begin = line.find_first_not_of(" \t\r\n");
    const bool is_marker = line.starts_with("---") && out.empty();
    if (is_marker) {
      out += "---\n";
      if (line.find_first_not_of("- \t\r\n") != line.npos) break;
    } else if (begin == line.npos || line[begin] == '#') {
      out += line;
    } else {
      break;
    }
    text.remove_prefix(line.size());
  }
  return out;
}

// Nothing, if there were no way back to the same bytes.
std::optional<std::string> added(const std::string& bare, const std::vector<Addition>& additions,
                                 const Node& wanted, const std::vector<Workload>& workloads) {
  if (additions.empty()) return bare;
  const auto root = read_yaml(bare);
  if (!root) return std::nullopt;
  auto changed = spliced_to(bare, *root, additions, wanted);
  if (!changed) return std::nullopt;
  const auto read = read_yaml(*changed);
  std::vector<Cut> cuts;
  for (const Workload& workload : workloads) {
    const auto own = removal(*read, workload.pod);
    cuts.insert(cuts.end(), own.begin(), own.end());
  }
  return splice(*changed, *read, cuts) == bare ? changed : std::nullopt;
}

}  // namespace

Document::Document(std::string_view text, config::Manifest manifest)
    : x_text(text), x_manifest(std::move(manifest)) {}

std::string Document::change(const std::vector<Cut>& cuts, const Node& clean,
                             const std::vector<Addition>& additions, const Node& wanted,
                             const std::vector<Workload>& workloads) {
  if (config::same_values(x_manifest.root, wanted)) return std::string(x_text);
  if (x_manifest.is_json) {
    x_loss = "written anew, as JSON";
    return config::manifest_json(wanted) + "\n";
  }
  std::optional<std::string> bare =
      cuts.empty() ? std::string(x_text) : spliced_to(x_text, x_manifest.root, cuts, clean);
  if (bare) {
    if (auto changed = added(*bare, additions, wanted, workloads)) return *changed;
  }
  x_loss = "written anew, as it is not all in block style: comments are lost";
  bare = opening(x_text) + config::manifest_yaml(clean);
  if (auto changed = added(*bare, additions, wanted, workloads)) return *changed;
  return opening(x_text) + config::manifest_yaml(wanted);
}

}  // namespace outrigger::inject
