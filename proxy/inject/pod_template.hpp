// What is put into a pod, described once: every form in which it is emitted is made from this tree.
// Names of ours are fixed, as later versions have to find them. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "config/node.hpp"
#include "proxy/inject/edits.hpp"
#include "proxy/inject/settings.hpp"

namespace outrigger::inject {

inline constexpr std::string_view kInit = "outrigger-init";
inline constexpr std::string_view kSidecar = "outrigger";
inline constexpr std::string_view kConfigVolume = "outrigger-config";
inline constexpr std::string_view kTokenVolume = "outrigger-token";
inline constexpr std::string_view kInjected = "outrigger.dev/injected";  // annotation: the mode
inline constexpr std::string_view kEmptied = "outrigger.dev/emptied";    // annotation: see Emptied
inline constexpr std::string_view kConfigFile = "outrigger.yaml";        // the key of the ConfigMap

struct PodTemplate {
  std::vector<config::Node> init_containers;  // before all others
  std::vector<config::Node> volumes;
  std::vector<config::Node> environment;  // of each container of the application
  std::vector<config::Entry> annotations;
};
PodTemplate pod_template(const Settings& settings);

// What to add to a pod that has nothing of ours.
std::vector<Addition> additions(const config::Node& root, const Path& pod,
                                const PodTemplate& wanted);

// Whether `inject` was here.
bool is_injected(const config::Node& root, const Path& pod);
// What takes out all that `inject` put in, of whatever version. None where it never was.
std::vector<Cut> removal(const config::Node& root, const Path& pod);

}  // namespace outrigger::inject
