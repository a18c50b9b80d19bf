// The file of the access log: opened before what is in force changes, and closed once no call
// writes to it any more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/app/part.hpp"
#include "proxy/io/line_writer.hpp"

namespace outrigger::app {

using OpenLog = std::function<Result<std::unique_ptr<io::LineWriter>>(const std::string& path)>;

class AccessLogFile final : public Part {
 public:
  explicit AccessLogFile(OpenLog open) : x_open(std::move(open)) {}

  void prepare(Proposal& next) override;
  void commit(Snapshot& next) noexcept override;
  void abandon() noexcept override { x_prepared.reset(); }

  // Opens the path anew, as after a rotation.
  void reopen();

 private:
  const OpenLog x_open;
  std::optional<std::string> x_path;
  std::shared_ptr<io::LineWriter> x_writer;
  std::shared_ptr<io::LineWriter> x_prepared;
};

}  // namespace outrigger::app
