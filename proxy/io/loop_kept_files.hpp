// The real KeptFiles of one loop: the file thread writes, and hands what came of it to the loop.
// Dies before both. The loop's thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/io/file_thread.hpp"
#include "proxy/io/kept_files.hpp"
#include "proxy/io/loop.hpp"

namespace outrigger::io {

class LoopPort;

class LoopKeptFiles final : public KeptFiles {
 public:
  LoopKeptFiles(Loop& loop, FileThread& thread);
  ~LoopKeptFiles() override;

  Result<std::string> load(const std::string& folder, const std::string& name) override {
    return load_kept_file(folder, name);
  }
  FileTaskPtr save(const std::string& folder, const std::string& name, std::string text,
                   KeptFileEvents& events) override;

 private:
  struct Question;
  class Save;

  FileThread& x_thread;
  const std::shared_ptr<LoopPort> x_port;
};

}  // namespace outrigger::io
