#include "proxy/inject/inject.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/manifest.hpp"
#include "proxy/inject/check.hpp"
#include "proxy/inject/config_maps.hpp"
#include "proxy/inject/document.hpp"
#include "proxy/inject/documents.hpp"
#include "proxy/inject/edits.hpp"
#include "proxy/inject/pod_template.hpp"

namespace outrigger::inject {
namespace {

using config::Manifest;
using config::Node;
using What = Report::What;

constexpr std::string_view kNoConfigMap = ", which you have to make: JSON is one document";

std::string joined(const std::vector<std::string>& reasons) {
  std::string out;
  for (const std::string& reason : reasons) out += (out.empty() ? "" : "; ") + reason;
  return out;
}

void append(std::vector<Cut>& to, const std::vector<Cut>& cuts) {
  to.insert(to.end(), cuts.begin(), cuts.end());
}

// What is asked of one workload, or why it stays as it is.
Report ask(const Node& bare, const Workload& workload, const Options& options,
           const std::vector<Namespace>& namespaces, std::optional<Settings>& settings) {
  if (std::string why = why_skipped(bare, workload); !why.empty()) {
    return {workload.name, What::kSkipped, std::move(why)};
  }
  auto found = settings_of(bare, workload, options);
  if (!found) return {workload.name, What::kRefused, joined(found.error())};
  const auto reasons = why_refused(bare, workload, *found, namespaces);
  if (!reasons.empty()) return {workload.name, What::kRefused, joined(reasons)};
  settings = std::move(*found);
  return {workload.name, What::kInjected,
          std::string(to_string(settings->mode)) + ", config " + settings->config_map};
}

class Injector {
 public:
  Injector(const Options& options, const std::vector<Namespace>& namespaces)
      : x_options(options), x_namespaces(namespaces), x_config_maps(options.config_text) {}

  std::string operator()(std::string_view text, Manifest manifest, std::vector<Report>& reports) {
    Document document(text, std::move(manifest));
    const std::vector<Workload> all = find_workloads(document.root());
    if (all.empty()) return std::string(text);

    // Looked at without what an earlier run put in.
    Node bare = document.root();
    for (const Workload& workload : all) apply_to(bare, removal(bare, workload.pod));
    std::vector<Cut> cuts;
    std::vector<Workload> chosen;
    std::vector<std::optional<Settings>> settings(all.size());
    const size_t first = reports.size();
    for (size_t i = 0; i < all.size(); ++i) {
      reports.push_back(ask(bare, all[i], x_options, x_namespaces, settings[i]));
      if (!settings[i]) continue;
      append(cuts, removal(document.root(), all[i].pod));
      chosen.push_back(all[i]);
    }

    Node clean = document.root();
    apply_to(clean, cuts);
    Node wanted = clean;
    std::vector<Addition> additions;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!settings[i]) continue;
      x_config_maps.add(all[i], *settings[i]);
      auto own = inject::additions(clean, all[i].pod, pod_template(*settings[i]));
      apply_to(wanted, own);
      std::move(own.begin(), own.end(), std::back_inserter(additions));
    }
    std::string changed = document.change(cuts, clean, additions, wanted, chosen);
    for (size_t i = 0; i < all.size(); ++i) {
      if (!settings[i]) continue;
      Report& report = reports[first + i];
      const Node* before = find(document.root(), all[i].pod);
      const Node* after = find(std::as_const(wanted), all[i].pod);
      if (config::same_values(*before, *after)) report.what = What::kUnchanged;
      if (document.is_json() && settings[i]->writes_config) report.detail += kNoConfigMap;
      if (!document.loss().empty()) (report.detail += "; ") += document.loss();
    }
    if (!document.is_json()) x_config_maps.append_to(changed);
    return changed;
  }

 private:
  const Options& x_options;
  const std::vector<Namespace>& x_namespaces;
  ConfigMaps x_config_maps;
};

std::string remove_from(std::string_view text, Manifest manifest, std::vector<Report>& reports) {
  Document document(text, std::move(manifest));
  std::vector<Cut> cuts;
  const size_t first = reports.size();
  for (const Workload& workload : find_workloads(document.root())) {
    const bool ours = is_injected(document.root(), workload.pod);
    append(cuts, removal(document.root(), workload.pod));
    reports.push_back({workload.name, ours ? What::kRemoved : What::kUnchanged, {}});
  }
  Node clean = document.root();
  apply_to(clean, cuts);
  std::string changed = document.change(cuts, clean, {}, clean, {});
  for (size_t i = first; i < reports.size(); ++i) {
    if (reports[i].what == What::kRemoved) reports[i].detail = document.loss();
  }
  return changed;
}

size_t lines_of(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// `drops`: the ConfigMaps that an earlier run wrote are left out.
template <class Change>
Changed change_documents(std::string_view text, bool drops, Change change) {
  Changed all;
  size_t line = 1;
  for (const std::string_view document : split_documents(text)) {
    const size_t begin = line;
    line += lines_of(document);
    if (drops && ConfigMaps::is_ours(document)) {
      ConfigMaps::restore_end(all.text, document);
      continue;
    }
    if (!may_be(document, kWorkloadKinds)) {
      all.text += document;
      continue;
    }
    auto manifest = config::parse_manifest(document);
    if (manifest) {
      all.text += change(document, std::move(*manifest), all.reports);
      continue;
    }
    all.text += document;
    all.reports.push_back(
        {"document in line " + std::to_string(begin), What::kRefused, manifest.error()});
  }
  return all;
}

}  // namespace

std::string to_string(const Report& report) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"injected", "unchanged", "removed", "skipped", "refused"});
  std::string out = report.workload + "  ";
  out += kWords[static_cast<size_t>(report.what)];
  return report.detail.empty() ? out : out + "  " + report.detail;
}

std::vector<Namespace> namespaces_in(std::string_view text) {
  constexpr auto kKinds = std::to_array<std::string_view>({"Namespace", "List"});
  std::vector<Namespace> all;
  for (const std::string_view document : split_documents(text)) {
    if (!may_be(document, kKinds)) continue;
    const auto manifest = config::parse_manifest(document);
    if (!manifest) continue;
    auto found = find_namespaces(manifest->root);
    std::move(found.begin(), found.end(), std::back_inserter(all));
  }
  return all;
}

Changed inject(std::string_view text, const Options& options,
               const std::vector<Namespace>& namespaces) {
  return change_documents(text, !options.config_text.empty(), Injector(options, namespaces));
}

Changed uninject(std::string_view text) { return change_documents(text, true, remove_from); }

}  // namespace outrigger::inject
