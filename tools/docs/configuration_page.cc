#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "config/field_rule.pb.h"
#include "model/base/status_macros.h"
#include "tools/docs/pages.h"

namespace radio::docs {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::SourceLocation;

std::string OneLine(absl::string_view comment) {
  std::vector<std::string> words = absl::StrSplit(
      absl::StrReplaceAll(comment, {{"\n", " "}, {"|", "\\|"}}), ' ', absl::SkipEmpty());
  return absl::StrJoin(words, " ");
}

template <typename DescriptorType>
std::string CommentOf(const DescriptorType& descriptor) {
  SourceLocation location;
  return descriptor.GetSourceLocation(&location) ? OneLine(location.leading_comments) : "";
}

// The titles of sections ("--- Endpoints ---") that a comment begins with.
std::string TakeSection(std::string* comment) {
  absl::string_view text = *comment;
  if (!absl::ConsumePrefix(&text, "--- ")) return "";
  const size_t end = text.find(" ---");
  if (end == absl::string_view::npos) return "";
  std::string section(text.substr(0, end));
  *comment = std::string(absl::StripLeadingAsciiWhitespace(text.substr(end + 4)));
  return section;
}

std::string TypeOf(const FieldDescriptor& field) {
  std::string type;
  if (field.message_type() != nullptr) {
    type = absl::StrCat("[", field.message_type()->name(), "](#",
                        absl::AsciiStrToLower(field.message_type()->name()), ")");
  } else if (field.enum_type() != nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      names.push_back(absl::StrCat("`", field.enum_type()->value(i)->name(), "`"));
    }
    type = absl::StrJoin(names, ", ");
  } else {
    type = field.type_name();
  }
  return field.is_repeated() ? absl::StrCat("repeated ", type) : type;
}

std::string DefaultOf(const FieldDescriptor& field) {
  if (field.is_repeated() || field.message_type() != nullptr) return "";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? "`true`" : "`false`";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("`", field.default_value_enum()->name(), "`");
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(field.default_value_int32());
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(field.default_value_int64());
    default:
      return field.default_value_string().empty()
                 ? ""
                 : absl::StrCat("`", field.default_value_string(), "`");
  }
}

// The range is in a field option, which descriptors that were read at run time hold as an unknown
// field: reading it back through the compiled type makes it known.
std::string RangeOf(const FieldDescriptor& field) {
  google::protobuf::FieldOptions options;
  options.ParseFromString(field.options().SerializeAsString());
  if (!options.HasExtension(config::rule)) return "";
  const config::FieldRule& rule = options.GetExtension(config::rule);
  return absl::StrCat(rule.min(), " .. ", rule.max());
}

absl::Status AppendMessage(const Descriptor& message, std::set<const Descriptor*>* done,
                           std::string* page) {
  if (!done->insert(&message).second) return absl::OkStatus();
  const bool root = message.name() == "ServerConfig";
  absl::StrAppend(page, "\n## ", message.name(), "\n");
  if (const std::string comment = CommentOf(message); !comment.empty()) {
    absl::StrAppend(page, "\n", comment, "\n");
  }
  std::string table = "\n| Field | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n";
  std::vector<const Descriptor*> nested;
  if (!root) page->append(table);
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    std::string comment = CommentOf(field);
    if (const std::string section = TakeSection(&comment); !section.empty()) {
      absl::StrAppend(page, "\n### ", section, "\n", table);
    }
    if (comment.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(field.full_name(), " has no comment"));
    }
    absl::StrAppend(page, "| `", field.name(), "` | ", TypeOf(field), " | ", DefaultOf(field),
                    " | ", RangeOf(field), " | ", comment, " |\n");
    if (field.message_type() != nullptr) nested.push_back(field.message_type());
  }
  for (const Descriptor* other : nested) {
    RADIO_RETURN_IF_ERROR(AppendMessage(*other, done, page));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ConfigurationPage(const std::string& descriptors) {
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromString(descriptors)) {
    return absl::InvalidArgumentError("the bytes are no FileDescriptorSet");
  }
  google::protobuf::DescriptorPool pool;
  for (const auto& file : files.file()) pool.BuildFile(file);
  const google::protobuf::Descriptor* config =
      pool.FindMessageTypeByName("radio.config.ServerConfig");
  if (config == nullptr) return absl::InvalidArgumentError("there is no radio.config.ServerConfig");
  std::string page =
      "# Configuration\n\n"
      "Generated from [config/server_config.proto](../config/server_config.proto) by "
      "`tools/docs/generate.sh`; change it there.\n\n"
      "The server reads one file, `radio_server --config=FILE`: a `ServerConfig` as protobuf text. "
      "`--print_config` shows it with all defaults, `--check_config` checks it and the files it "
      "names. Unknown fields and broken rules are refused at start, all of them at once, with exit "
      "code 1. Examples: [config/dev_cpu.textproto](../config/dev_cpu.textproto), "
      "[config/prod_gpu.textproto](../config/prod_gpu.textproto).\n";
  std::set<const Descriptor*> done;
  RADIO_RETURN_IF_ERROR(AppendMessage(*config, &done, &page));
  return page;
}

}  // namespace radio::docs
