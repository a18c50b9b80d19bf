#include "tests/sim/operator.hpp"

#include <utility>

namespace outrigger::sim {
namespace {

constexpr const char* kAdmin = "127.0.0.1:9901";

}  // namespace

void Operator::ask(std::string_view method, const std::string& path, const std::string& body,
                   Done done) {
  x_done = std::move(done);
  x_reader = std::make_unique<MessageReader>(MessageReader::Side::kResponses, *this);
  x_status = 0;
  x_is_complete = false;
  x_body.clear();
  x_request = std::string(method) + " /api/v1" + path + " HTTP/1.1\r\nHost: " + kAdmin +
              "\r\nConnection: close\r\n";
  if (!body.empty()) x_request += "Content-Type: application/json\r\n";
  x_request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  x_connect = x_network.connect(*Address::parse(kAdmin), *this);
}

void Operator::on_connected(io::StreamPtr stream) {
  x_loop.context().reaper.doom(std::move(x_connect));
  x_stream = std::move(stream);
  x_stream->start(*this);
  x_stream->write(x_request);
}

void Operator::on_connect_failed(Cause) {
  x_loop.context().reaper.doom(std::move(x_connect));
  end();
}

void Operator::on_read(std::string_view bytes) {
  x_reader->feed(bytes);
  if (!x_reader->wrong().empty()) x_ledger.violation("at the operator: " + x_reader->wrong());
  if (x_is_complete) end();
}

void Operator::end() {
  x_connect.reset();
  if (x_stream != nullptr) x_loop.context().reaper.doom(std::move(x_stream));
  const Done done = std::exchange(x_done, nullptr);
  if (done) done(x_is_complete ? x_status : 0, x_body);
}

}  // namespace outrigger::sim
