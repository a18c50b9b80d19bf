#include "proxy/app/check_files.hpp"

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"

namespace outrigger::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct CheckFiles : ::testing::Test {
  CheckFiles() {
    authority.issue("good");
    authority.issue("old", {.valid_from_s = -7200, .valid_until_s = -3600});
  }
  // @ is the folder of the files.
  std::vector<std::string> problems(std::string yaml) const {
    for (size_t at = yaml.find('@'); at != std::string::npos; at = yaml.find('@', at)) {
      yaml.replace(at, 1, authority.directory() + "/");
    }
    const config::Loaded loaded = config::load_text("f", yaml, {});
    EXPECT_TRUE(loaded.ok()) << config::to_string(loaded.problems.at(0));
    std::vector<std::string> lines;
    for (const config::Problem& problem : check_files(loaded, std::time(nullptr))) {
      lines.push_back(to_string(problem));
    }
    return lines;
  }

  testing::TestAuthority authority;
};

TEST_F(CheckFiles, SayWhichTlsHasWhichBadFile) {
  const std::string at = '"' + authority.directory() + "/";
  EXPECT_THAT(
      problems("admin: {tls: {cert_file: '@old.pem', key_file: '@old.key'}}\n"
               "listeners: [{name: outbound, address: '127.0.0.1:1',\n"
               "  tls: {cert_file: '@good.pem', key_file: '@good.key', "
               "client_ca_file: '@good.pem'}}]\n"
               "services:\n"
               "  orders: {tls: {ca_file: '@good.key'}}\n"),
      ElementsAre(
          StartsWith("f:1:9: admin.tls: a certificate in " + at + "old.pem\" has expired, on 20"),
          StartsWith("f:2:"),
          "f:5:12: services.orders.tls: " + at + "good.key\" holds no certificate in PEM"));
}

TEST_F(CheckFiles, SayWhatIsNotThereWhereItIsNamed) {
  EXPECT_THAT(problems("services:\n"
                       "  orders:\n"
                       "    tls: {ca_file: /no/ca}\n"
                       "    headers: {request: {set: {authorization: {file: /no/secret}}}}\n"
                       "    fallback: [{respond: {body_file: /no/body}}]\n"),
              ElementsAre("f:3:20: /no/ca: No such file or directory",
                          "f:5:38: /no/body: No such file or directory",
                          "f:4:53: /no/secret: No such file or directory"));
}

TEST_F(CheckFiles, SayNothingWhenAllIsGood) {
  EXPECT_THAT(problems("services: {}"), IsEmpty());
  EXPECT_THAT(problems("admin: {tls: {cert_file: '@good.pem', key_file: '@good.key'}}\n"
                       "services: {orders: {tls: on}}"),
              IsEmpty());
}

}  // namespace
}  // namespace outrigger::app
