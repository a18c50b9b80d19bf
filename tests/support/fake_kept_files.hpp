// Kept files in memory, on a VirtualLoop: a save is an event of its own. A test says what goes
// wrong.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/io/kept_files.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::testing {

class FakeKeptFiles final : public io::KeptFiles {
 public:
  explicit FakeKeptFiles(VirtualLoop& loop) : x_loop(loop) {}

  Result<std::string> load(const std::string& folder, const std::string& name) override {
    if (!fails.empty()) return failure(folder + ": " + fails);
    const auto known = texts.find(folder + "/" + name);
    return known == texts.end() ? std::string() : known->second;
  }
  io::FileTaskPtr save(const std::string& folder, const std::string& name, std::string text,
                       io::KeptFileEvents& events) override {
    return std::make_unique<Save>(*this, folder + "/" + name, std::move(text), events);
  }

  std::map<std::string, std::string> texts;  // by path
  std::string fails;                         // why nothing can be kept; empty: it can
  int64_t takes_ms = 0;                      // so long each save lasts

 private:
  class Save final : public io::FileTask {
   public:
    Save(FakeKeptFiles& files, std::string path, std::string text, io::KeptFileEvents& events)
        : x_timer(Timer::of<&Save::finish>(*this)),
          x_files(files),
          x_path(std::move(path)),
          x_text(std::move(text)),
          x_events(events) {
      const LoopContext loop = files.x_loop.context();
      loop.timers.arm(x_timer, loop.clock.now_ms() + files.takes_ms);
    }

   private:
    void finish() {
      io::KeptFileEvents& events = x_events;
      if (!x_files.fails.empty()) return events.on_kept(failure(x_path + ": " + x_files.fails));
      x_files.texts.insert_or_assign(x_path, x_text);
      events.on_kept(true);
    }

    Timer x_timer;
    FakeKeptFiles& x_files;
    const std::string x_path;
    const std::string x_text;
    io::KeptFileEvents& x_events;
  };

  VirtualLoop& x_loop;
};

}  // namespace outrigger::testing
