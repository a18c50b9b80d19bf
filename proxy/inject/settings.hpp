// What is asked for: by the command line for all workloads, by annotations for one of them. Plain
// values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/result.hpp"
#include "proxy/inject/workload.hpp"

namespace outrigger::inject {

// The sidecar's user in a pod. Rare, as an application that runs as the same one is never caught.
inline constexpr int kUser = 15'001;

// How calls get to the sidecar: the kernel redirects them, the application's variables name it, or
// the application is told one port for each service.
enum class Mode : uint8_t { kRedirect, kProxy, kPorts };
std::optional<Mode> parse_mode(std::string_view text);
std::string_view to_string(Mode mode);

// As Kubernetes writes quantities. Empty: what is built in.
struct Resources {
  std::string cpu;
  std::string memory;
  std::string cpu_limit;
  std::string memory_limit;
};
// `cpu=50m,memory=64Mi,cpu-limit=1,memory-limit=256Mi`. The failure is a sentence.
Result<Resources> parse_resources(std::string_view text);

// What the template has to know of a configuration.
struct Facts {
  std::string proxy = "http://127.0.0.1:15001";
  std::string metrics = "127.0.0.1:9902";  // as it is probed
  std::vector<int> ports{15'001, 9'901, 9'902};
  int64_t startup_ms = 10'000;
  int64_t grace_ms = 25'000;
  int64_t user = kUser;
  bool asks_kubernetes = false;
  std::string not_redirected;  // why no listener takes what is redirected; empty: one does
};
Facts facts_of(const config::Config& config);

struct Options {
  std::optional<Mode> mode;  // off: redirect; proxy with `openshift`
  std::string config_map;    // empty: `outrigger-` and the name of the workload
  std::string image;
  Resources resources;
  bool openshift = false;       // the platform chooses the user
  bool registry_token = false;  // the sidecar asks Kubernetes itself
  std::string config_text;      // is put beside each workload, as the ConfigMap that it mounts
  std::optional<Facts> facts;   // of the configuration, when it is at hand
};

// The same for one workload, complete.
struct Settings {
  Mode mode = Mode::kRedirect;
  std::string config_map;
  std::string image;
  Resources resources;
  bool openshift = false;
  bool registry_token = false;
  Facts facts;
  bool writes_config = false;  // nobody named a ConfigMap that is there already
  bool knows_config = false;   // else the facts are the defaults
};

inline constexpr std::string_view kPrefix = "config.outrigger.dev/";

// The failures are sentences, one for each mistake.
Result<Settings, std::vector<std::string>> settings_of(const config::Node& root,
                                                       const Workload& workload,
                                                       const Options& options);

}  // namespace outrigger::inject
