// `outrigger inject` and `uninject`: reads manifests from files, folders and stdin, prints them
// with or without the sidecar, and says on stderr what became of each workload. Blocking; a process
// of its own, which talks to no cluster.
#pragma once

#include <string>
#include <vector>

#include "proxy/inject/settings.hpp"

namespace outrigger::app {

struct InjectCommand {
  std::vector<std::string> inputs;  // files, folders, `-`
  std::string config_file;          // empty: none
  std::string mode;                 // empty: what is built in
  std::string resources;
  std::string policy;       // its version; empty: manifests are changed
  inject::Options options;  // what the above does not say
};

// With `policy` nothing is read and the policy is printed. Each returns the exit code: 2 if any
// workload was refused.
int inject_manifests(InjectCommand command);
int uninject_manifests(const std::vector<std::string>& inputs);

}  // namespace outrigger::app
