// Small files in a folder of ours alone, which outlive the process: overrides, the last good
// configuration, lists of endpoints. Each is one text under a name, with a version and a checksum.
// The folder and what is in it belong to our user and nobody else may write there, or nothing of it
// is used. An argument of its users; the thread of its loop.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.hpp"
#include "proxy/io/files.hpp"

namespace outrigger::io {

class KeptFileEvents {
 public:
  // The failure is a sentence that begins with the path. May destroy any FileTask, its own too.
  virtual void on_kept(const Result<bool>& kept) = 0;

 protected:
  ~KeptFileEvents() = default;
};

class KeptFiles {
 public:
  virtual ~KeptFiles() = default;

  // What is kept there; empty when nothing is. Waits for the disk: only before the loop runs.
  virtual Result<std::string> load(const std::string& folder, const std::string& name) = 0;
  // Replaces it, as a whole or not at all, and calls `events` once. The folder is made where it is
  // missing, but not what it is in.
  virtual FileTaskPtr save(const std::string& folder, const std::string& name, std::string text,
                           KeptFileEvents& events) = 0;
};

// The form on disk, and back. The failure says why it is none.
std::string sealed(std::string_view text);
Result<std::string> unsealed(std::string_view bytes);

// On this thread, at once. For proxy/io and tests.
Result<std::string> load_kept_file(const std::string& folder, const std::string& name);
Result<bool> save_kept_file(const std::string& folder, const std::string& name,
                            std::string_view text);

}  // namespace outrigger::io
