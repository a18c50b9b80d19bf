// A LineWriter appends lines to a file, a pipe or a terminal by way of the file thread, so that
// neither a full disk nor a pipe that nobody reads holds up who writes. Any thread; dies before its
// FileThread, which writes out what is left.
#pragma once

#include <memory>
#include <string_view>

#include "proxy/base/line_sink.hpp"

namespace outrigger::io {

class LineBuffer;

class LineWriter final : public LineSink {
 public:
  // By FileThread::append_to().
  explicit LineWriter(std::shared_ptr<LineBuffer> buffer);
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void append(std::string_view line) override;
  // Opens the path anew, as after a rotation (SIGHUP). The old file stays if that fails.
  void reopen();

 private:
  const std::shared_ptr<LineBuffer> x_buffer;
};

}  // namespace outrigger::io
