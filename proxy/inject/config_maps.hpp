// The ConfigMaps that `inject -c FILE` puts behind the workloads that mount them, so that what it
// prints is complete. Known again by their first lines, with which no other document begins. One
// run, one object.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/inject/settings.hpp"

namespace outrigger::inject {

class ConfigMaps {
 public:
  static bool is_ours(std::string_view document);

  explicit ConfigMaps(std::string_view config) : x_config(config) {}

  // Once for each name and namespace; written by the next append_to().
  void add(const Workload& workload, const Settings& settings);
  // Behind a text that may lack its last line end: the last of ours lacks it then.
  void append_to(std::string& text);
  // A text behind which `ours` stood.
  static void restore_end(std::string& text, std::string_view ours);

 private:
  const std::string_view x_config;
  std::vector<std::pair<std::string, std::string>> x_names;  // namespace, name
  size_t x_written = 0;
};

}  // namespace outrigger::inject
