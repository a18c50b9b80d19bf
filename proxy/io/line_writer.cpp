#include "proxy/io/line_writer.hpp"

#include <utility>

#include "proxy/io/line_buffer.hpp"

namespace outrigger::io {

LineWriter::LineWriter(std::shared_ptr<LineBuffer> buffer) : x_buffer(std::move(buffer)) {
  x_buffer->add_writer();
}

LineWriter::~LineWriter() { x_buffer->remove_writer(); }

void LineWriter::append(std::string_view line) { x_buffer->append(line); }
void LineWriter::reopen() { x_buffer->ask_to_reopen(); }

}  // namespace outrigger::io
