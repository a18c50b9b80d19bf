// Answers that come while the caller is still writing: many a client reads none before it has
// written all of its request.
#include <gtest/gtest.h>

#include "tests/support/process/client.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

constexpr size_t kUploadBytes = 10'000'000;

std::string upload() {
  return "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: " + std::to_string(kUploadBytes) +
         "\r\n\r\n" + std::string(kUploadBytes, 'x');
}

// Writes all of it, and only then reads.
void expect_413(const Sidecar& sidecar) {
  Client client(sidecar.address());
  EXPECT_TRUE(client.send(upload()));
  const Response response = client.receive();
  EXPECT_EQ(response.status, 413);
  EXPECT_TRUE(response.complete);
  EXPECT_TRUE(client.sees_end()) << "an end, and no reset";
}

// As nginx does: its answer, its end, and the rest is read past.
void refuse_upload(Wire& wire) {
  std::string line;
  while (wire.read_line(line) && !line.empty()) {
  }
  wire.send(
      "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large");
  wire.finish();
  wire.read_to_end();
}

TEST(EarlyAnswers, OfTheServerReachACallerThatWritesOn) {
  const auto origin = Origin::talking(refuse_upload);
  const Sidecar sidecar("services: {orders: {endpoints: {static: [\"" + origin->address() +
                        "\"]}}}\n");
  expect_413(sidecar);
}

TEST(EarlyAnswers, OfOursReachACallerThatWritesOn) {
  const Origin origin;
  const Sidecar sidecar("services: {orders: {limits: {body_bytes: 1MiB}, endpoints: {static: [\"" +
                        origin.address() + "\"]}}}\n");
  expect_413(sidecar);
}

}  // namespace
}  // namespace outrigger::testing
