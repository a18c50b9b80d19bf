#include "proxy/app/access_log_file.hpp"

#include <utility>

namespace outrigger::app {

void AccessLogFile::prepare(Proposal& next) {
  const auto& path = next.config().access_log.path;
  if (!path || path == x_path) return;
  auto writer = x_open(*path);
  if (!writer) return next.refuse("access_log.path", writer.error());
  x_prepared = std::move(*writer);
}

void AccessLogFile::commit(Snapshot& next) noexcept {
  const auto& path = next.config.access_log.path;
  if (path != x_path) {
    x_path = path;
    x_writer = std::exchange(x_prepared, nullptr);
  }
  next.access_log = x_writer;
}

void AccessLogFile::reopen() {
  if (x_writer != nullptr) x_writer->reopen();
}

}  // namespace outrigger::app
