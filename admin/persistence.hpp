// Where overrides are kept over a restart, if anywhere. Implemented by the application; control
// thread only.
#pragma once

#include <functional>
#include <string>

namespace outrigger::admin {

class Persistence {
 public:
  virtual ~Persistence() = default;

  // Whether a folder is configured.
  virtual bool is_on() const = 0;
  // Replaces what is kept; `done` comes later, or never where the process ends first.
  virtual void save(std::string content, std::function<void(bool is_kept)> done) = 0;
};

}  // namespace outrigger::admin
