#include "config/validate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "config/checker.h"
#include "config/field_rule.pb.h"
#include "google/protobuf/descriptor.h"

namespace radio::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxNameLength = 64;

// Checks the ranges that the fields of `message` carry, in submessages too.
void CheckRanges(const Message& message, const std::string& prefix, Checker* checker) {
  const Reflection* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const std::string path = prefix + field->name();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated() && reflection->HasField(message, field)) {
        CheckRanges(reflection->GetMessage(message, field), path + ".", checker);
      }
    } else if (field->options().HasExtension(rule)) {
      const FieldRule& range = field->options().GetExtension(rule);
      const int64_t value = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32
                                ? reflection->GetInt32(message, field)
                                : reflection->GetInt64(message, field);
      checker->RequireBetween(value, range.min(), range.max(), path);
    }
  }
}

bool IsAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 0 && port <= 65535;
}

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameLength &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

bool IsDevice(absl::string_view device) {
  int index = -1;
  return device == "cpu" || (absl::ConsumePrefix(&device, "cuda:") &&
                             absl::SimpleAtoi(device, &index) && index >= 0 && index < 64);
}

// Names that health checks use for the server itself.
bool IsReserved(absl::string_view name) {
  return name == "readiness" || name == "liveness" || name == "radio.v1.FeatureService" ||
         name == "other";
}

void CheckModels(const ServerConfig& config, Checker* checker) {
  checker->Require(config.models_size() > 0, "models", "at least one must be given");
  std::set<std::string> names;
  for (int i = 0; i < config.models_size(); ++i) {
    const ServedModel& model = config.models(i);
    const std::string path = absl::StrCat("models[", i, "].");
    checker->Require(IsName(model.name()), path + "name",
                     absl::StrCat("must be 1 to ", kMaxNameLength,
                                  " letters, digits, '.', '_' or '-', is \"", model.name(), "\""));
    checker->Require(!IsReserved(model.name()), path + "name",
                     absl::StrCat("\"", model.name(), "\" is reserved"));
    checker->Require(names.insert(model.name()).second, path + "name",
                     absl::StrCat("must be unique, \"", model.name(), "\" is used before"));
    checker->Require(!model.path().empty(), path + "path", "must be given");
    checker->Require(IsDevice(model.device()), path + "device",
                     absl::StrCat("must be \"cpu\" or \"cuda:N\", is \"", model.device(), "\""));
  }
  checker->Require(
      config.default_model().empty() || names.count(config.default_model()) > 0, "default_model",
      absl::StrCat("must be the name of one of models, is \"", config.default_model(), "\""));
}

void CheckEndpoints(const ServerConfig& config, Checker* checker) {
  checker->Require(IsAddress(config.listen_address()), "listen_address",
                   absl::StrCat("must be host:port, is \"", config.listen_address(), "\""));
  checker->Require(config.metrics_address().empty() || IsAddress(config.metrics_address()),
                   "metrics_address",
                   absl::StrCat("must be host:port, is \"", config.metrics_address(), "\""));
  checker->Require(
      config.insecure() != config.has_tls(), "insecure",
      config.insecure() ? "must be false when tls is given" : "must be true when tls is not given");
  if (!config.has_tls()) return;
  checker->Require(!config.tls().certificate_file().empty(), "tls.certificate_file",
                   "must be given");
  checker->Require(!config.tls().private_key_file().empty(), "tls.private_key_file",
                   "must be given");
}

void CheckRelations(const ServerConfig& config, Checker* checker) {
  checker->Require(
      config.max_inflight_items() >= config.max_images_per_request(), "max_inflight_items",
      absl::StrCat("must not be below max_images_per_request (", config.max_images_per_request(),
                   "), is ", config.max_inflight_items()));
  checker->Require(config.default_deadline_ms() <= config.max_deadline_ms(), "default_deadline_ms",
                   absl::StrCat("must not be above max_deadline_ms (", config.max_deadline_ms(),
                                "), is ", config.default_deadline_ms()));
  const Transport& transport = config.transport();
  checker->Require(
      transport.receive_memory_bytes() == 0 ||
          transport.receive_memory_bytes() >= 4LL * transport.max_request_bytes(),
      "transport.receive_memory_bytes",
      absl::StrCat("must be 0 or at least four times max_request_bytes (",
                   transport.max_request_bytes(), "), is ", transport.receive_memory_bytes()));
}

}  // namespace

std::vector<std::string> Violations(const ServerConfig& config) {
  Checker checker;
  CheckEndpoints(config, &checker);
  CheckModels(config, &checker);
  CheckRanges(config, "", &checker);
  CheckRelations(config, &checker);
  return checker.Take();
}

std::vector<std::string> MissingFiles(const ServerConfig& config) {
  Checker checker;
  const auto require_file = [&](const std::string& file, absl::string_view path) {
    checker.Require(file.empty() || access(file.c_str(), R_OK) == 0, path,
                    absl::StrCat("cannot be read: ", file));
  };
  for (int i = 0; i < config.models_size(); ++i) {
    struct stat info {};
    const std::string& folder = config.models(i).path();
    const std::string path = absl::StrCat("models[", i, "].path");
    const bool is_folder = stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    checker.Require(is_folder, path, absl::StrCat("is no folder: ", folder));
    if (is_folder) require_file(folder + "/manifest.textproto", path);
  }
  require_file(config.tls().certificate_file(), "tls.certificate_file");
  require_file(config.tls().private_key_file(), "tls.private_key_file");
  require_file(config.tls().client_ca_file(), "tls.client_ca_file");
  require_file(config.auth_token_file(), "auth_token_file");
  return checker.Take();
}

}  // namespace radio::config
