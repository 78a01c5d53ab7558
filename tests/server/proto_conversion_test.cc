#include "server/proto_conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <variant>

#include "model/errors.h"
#include "tests/server/served_models.h"

namespace radio::server {
namespace {

using ::testing::HasSubstr;

ModelSpec NoFeatures() {
  ModelSpec spec = TestSpec("summary-only");
  spec.outputs.push_back({"head", 4, 0, 1});
  spec.default_layout = FeatureLayout::kNhwc;
  return spec;
}

class ProtoConversionTest : public testing::Test {
 protected:
  ProtoConversionTest() : models_({TestSpec("m"), NoFeatures()}) {
    limits_.max_images = 4;
    limits_.max_outputs = 3;
  }

  static v1::Image Pixels(int height = 16, int width = 32) {
    v1::Image image;
    image.mutable_tensor()->set_data_type(v1::DATA_TYPE_UINT8);
    for (const int side : {height, width, 3}) image.mutable_tensor()->add_shape(side);
    image.mutable_tensor()->set_data(std::string(static_cast<size_t>(height) * width * 3, 'x'));
    return image;
  }

  absl::StatusOr<ExtractRequest> Convert(const std::function<void(v1::ExtractRequest*)>& change) {
    auto message = std::make_shared<v1::ExtractRequest>();
    *message->add_images() = Pixels();
    change(message.get());
    return ConvertRequest(message, models_.registry(), limits_);
  }

  // The request is refused as a whole.
  void ExpectRefused(Reason reason, absl::string_view path,
                     const std::function<void(v1::ExtractRequest*)>& change) {
    const absl::Status status = Convert(change).status();
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(FieldPathOf(status), path) << status;
  }

  // Only the image is refused.
  void ExpectImageRefused(Reason reason, absl::string_view path,
                          const std::function<void(v1::Image*)>& change) {
    const auto request = Convert([&](v1::ExtractRequest* message) {
      *message->add_images() = Pixels();
      change(message->mutable_images(1));
      *message->add_images() = Pixels();
    });
    ASSERT_TRUE(request.ok()) << request.status();
    ASSERT_EQ(request->images.size(), 3u);
    EXPECT_TRUE(request->images[0].ok());
    EXPECT_TRUE(request->images[2].ok());
    const absl::Status status = request->images[1].status();
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(FieldPathOf(status), path) << status;
  }

  ServedModels models_;
  RequestLimits limits_;
};

TEST_F(ProtoConversionTest, AnEmptyRequestForOneImageMeansTheBackbonesSummaryAndFeatures) {
  const auto request = Convert([](v1::ExtractRequest*) {});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->model->spec().name, "m");
  ASSERT_EQ(request->outputs.size(), 1u);
  EXPECT_EQ(request->outputs[0].adaptor, 0);
  EXPECT_TRUE(request->outputs[0].summary);
  EXPECT_TRUE(request->outputs[0].features);
  EXPECT_EQ(request->outputs[0].layout, FeatureLayout::kNlc);
  EXPECT_EQ(request->outputs[0].data_type, DataType::kFloat32);
  EXPECT_EQ(request->resize.mode, ResizeMode::kNone);
}

TEST_F(ProtoConversionTest, PixelsAreSharedWithTheMessageAndKeepItAlive) {
  auto message = std::make_shared<v1::ExtractRequest>();
  *message->add_images() = Pixels();
  const std::weak_ptr<v1::ExtractRequest> watch = message;
  const char* pixels = message->images(0).tensor().data().data();
  auto request = ConvertRequest(std::move(message), models_.registry(), limits_);
  ASSERT_TRUE(request.ok());
  const auto& image = std::get<ImageTensor>(*request->images[0]);
  EXPECT_EQ(static_cast<const void*>(image.pixels.data.data()), pixels);
  EXPECT_EQ(image.size, (Size{16, 32}));
  EXPECT_FALSE(watch.expired());
  request = absl::CancelledError();
  EXPECT_TRUE(watch.expired());
}

TEST_F(ProtoConversionTest, OutputsAreTranslatedInOrder) {
  const auto request = Convert([](v1::ExtractRequest* message) {
    message->set_model("summary-only");
    v1::OutputSpec* first = message->add_outputs();
    first->set_adaptor("clip");
    first->set_summary(true);
    first->set_data_type(v1::DATA_TYPE_FLOAT16);
    first->set_l2_normalize(true);
    v1::OutputSpec* second = message->add_outputs();
    second->set_adaptor("backbone");
    second->set_features(true);
    second->set_layout(v1::FEATURE_LAYOUT_NCHW);
    second->set_data_type(v1::DATA_TYPE_BFLOAT16);
    message->add_outputs()->set_features(true);
  });
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->outputs.size(), 3u);
  EXPECT_EQ(request->outputs[0].adaptor, 1);
  EXPECT_EQ(request->outputs[0].data_type, DataType::kFloat16);
  EXPECT_TRUE(request->outputs[0].l2_normalize);
  EXPECT_FALSE(request->outputs[0].features);
  EXPECT_EQ(request->outputs[1].adaptor, 0);
  EXPECT_EQ(request->outputs[1].layout, FeatureLayout::kNchw);
  EXPECT_EQ(request->outputs[1].data_type, DataType::kBfloat16);
  // The family's default.
  EXPECT_EQ(request->outputs[2].layout, FeatureLayout::kNhwc);
}

TEST_F(ProtoConversionTest, ResizeModesAreTranslated) {
  const auto exact = Convert([](v1::ExtractRequest* message) {
    message->mutable_preprocessing()->set_resize(v1::RESIZE_MODE_EXACT);
    message->mutable_preprocessing()->set_height(32);
    message->mutable_preprocessing()->set_width(48);
  });
  ASSERT_TRUE(exact.ok()) << exact.status();
  EXPECT_EQ(exact->resize.mode, ResizeMode::kExact);
  EXPECT_EQ(exact->resize.exact, (Size{32, 48}));
  const auto shortest = Convert([](v1::ExtractRequest* message) {
    message->mutable_preprocessing()->set_resize(v1::RESIZE_MODE_SHORTEST_SIDE);
    message->mutable_preprocessing()->set_shortest_side(64);
  });
  ASSERT_TRUE(shortest.ok()) << shortest.status();
  EXPECT_EQ(shortest->resize.shortest_side, 64);
}

TEST_F(ProtoConversionTest, FloatTensorsAreChannelFirstAndMayBeConditioned) {
  const auto request = Convert([](v1::ExtractRequest* message) {
    v1::Tensor* tensor = message->mutable_images(0)->mutable_tensor();
    tensor->Clear();
    tensor->set_data_type(v1::DATA_TYPE_FLOAT32);
    for (const int side : {3, 16, 32}) tensor->add_shape(side);
    tensor->set_data(std::string(3 * 16 * 32 * 4, '\0'));
    message->mutable_preprocessing()->set_conditioned(true);
  });
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_TRUE(request->images[0].ok()) << request->images[0].status();
  const auto& image = std::get<ImageTensor>(*request->images[0]);
  EXPECT_EQ(image.data_type, DataType::kFloat32);
  EXPECT_EQ(image.size, (Size{16, 32}));
  EXPECT_TRUE(image.conditioned);
}

TEST_F(ProtoConversionTest, WhatIsWrongWithTheWholeRequestRefusesIt) {
  ExpectRefused(Reason::kRequestInvalid, "images", [](auto* m) { m->clear_images(); });
  ExpectRefused(Reason::kTooManyItems, "images", [](auto* m) {
    for (int i = 0; i < 4; ++i) m->add_images();
  });
  ExpectRefused(Reason::kModelNotFound, "", [](auto* m) { m->set_model("nonesuch"); });
  ExpectRefused(Reason::kAdaptorNotFound, "",
                [](auto* m) { m->add_outputs()->set_adaptor("nonesuch"); });
  ExpectRefused(Reason::kRequestInvalid, "outputs[0]", [](auto* m) { m->add_outputs(); });
  ExpectRefused(Reason::kRequestInvalid, "outputs", [](auto* m) {
    for (int i = 0; i < 4; ++i) m->add_outputs()->set_summary(true);
  });
  ExpectRefused(Reason::kOutputUnsupported, "outputs[0].data_type", [](auto* m) {
    m->add_outputs()->set_summary(true);
    m->mutable_outputs(0)->set_data_type(v1::DATA_TYPE_UINT8);
  });
  ExpectRefused(Reason::kRequestInvalid, "outputs[0].data_type", [](auto* m) {
    m->add_outputs()->set_summary(true);
    m->mutable_outputs(0)->set_data_type(static_cast<v1::DataType>(77));
  });
  ExpectRefused(Reason::kRequestInvalid, "outputs[0].layout", [](auto* m) {
    m->add_outputs()->set_features(true);
    m->mutable_outputs(0)->set_layout(static_cast<v1::FeatureLayout>(-1));
  });
  ExpectRefused(Reason::kOutputUnsupported, "outputs[0].summary", [](auto* m) {
    m->add_outputs()->set_adaptor("sam");
    m->mutable_outputs(0)->set_summary(true);
  });
  ExpectRefused(Reason::kOutputUnsupported, "outputs[0].features", [](auto* m) {
    m->set_model("summary-only");
    m->add_outputs()->set_adaptor("head");
    m->mutable_outputs(0)->set_features(true);
  });
}

TEST_F(ProtoConversionTest, PreprocessingThatMakesNoSenseRefusesTheRequest) {
  const auto expect = [&](absl::string_view path,
                          const std::function<void(v1::Preprocessing*)>& f) {
    ExpectRefused(Reason::kRequestInvalid, path, [&](auto* m) { f(m->mutable_preprocessing()); });
  };
  expect("preprocessing.resize", [](auto* p) { p->set_resize(static_cast<v1::ResizeMode>(9)); });
  expect("preprocessing.height", [](auto* p) {
    p->set_resize(v1::RESIZE_MODE_EXACT);
    p->set_height(-1);
    p->set_width(224);
  });
  expect("preprocessing.width", [](auto* p) {
    p->set_resize(v1::RESIZE_MODE_EXACT);
    p->set_height(224);
  });
  expect("preprocessing.shortest_side",
         [](auto* p) { p->set_resize(v1::RESIZE_MODE_SHORTEST_SIDE); });
  // It would silently be ignored.
  expect("preprocessing.height", [](auto* p) { p->set_height(224); });
}

TEST_F(ProtoConversionTest, UnknownNamesComeWithTheValidOnes) {
  const absl::Status model = Convert([](auto* m) { m->set_model("nonesuch"); }).status();
  EXPECT_EQ(ValidNamesOf(model), "m,summary-only");
  const absl::Status adaptor =
      Convert([](auto* m) { m->add_outputs()->set_adaptor("nonesuch"); }).status();
  EXPECT_EQ(ValidNamesOf(adaptor), "backbone,clip,sam");
}

TEST_F(ProtoConversionTest, WhatIsWrongWithOneImageIsThatImagesStatus) {
  const std::string path = "images[1]";
  ExpectImageRefused(Reason::kRequestInvalid, path, [](auto* image) { image->clear_source(); });
  ExpectImageRefused(Reason::kImageUndecodable, path + ".encoded",
                     [](auto* image) { image->set_encoded(""); });
  const auto expect = [&](absl::string_view field, const std::function<void(v1::Tensor*)>& change) {
    ExpectImageRefused(Reason::kTensorInvalid, path + ".tensor." + std::string(field),
                       [&](v1::Image* image) { change(image->mutable_tensor()); });
  };
  expect("data_type", [](auto* t) { t->set_data_type(v1::DATA_TYPE_UNSPECIFIED); });
  expect("data_type", [](auto* t) { t->set_data_type(static_cast<v1::DataType>(99)); });
  expect("shape", [](auto* t) { t->mutable_shape()->RemoveLast(); });
  expect("shape", [](auto* t) { t->add_shape(1); });
  expect("shape", [](auto* t) { t->set_shape(2, 4); });
  expect("shape", [](auto* t) { t->set_shape(0, 0); });
  expect("shape", [](auto* t) { t->set_shape(0, -16); });
  expect("shape", [](auto* t) { t->set_shape(0, int64_t{1} << 62); });
  expect("shape", [](auto* t) { t->set_shape(1, std::numeric_limits<int64_t>::max()); });
  expect("shape", [](auto* t) { t->set_shape(1, std::numeric_limits<int64_t>::min()); });
  expect("shape", [](auto* t) { t->mutable_shape()->Resize(100000, 1); });
  expect("shape", [](auto* t) { t->set_data_type(v1::DATA_TYPE_FLOAT32); });
  expect("data", [](auto* t) { t->mutable_data()->pop_back(); });
  expect("data", [](auto* t) { t->mutable_data()->push_back('x'); });
  expect("data", [](auto* t) { t->clear_data(); });
}

TEST_F(ProtoConversionTest, ConditionedGoesWithFloatTensorsOnly) {
  const auto request = Convert([](v1::ExtractRequest* message) {
    message->add_images()->set_encoded("some file");
    message->mutable_preprocessing()->set_conditioned(true);
  });
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(ReasonOf(request->images[0].status()), Reason::kTensorInvalid);
  EXPECT_EQ(ReasonOf(request->images[1].status()), Reason::kRequestInvalid);
}

TEST_F(ProtoConversionTest, MessagesNameFieldRuleAndValue) {
  const auto request = Convert([](v1::ExtractRequest* message) {
    message->mutable_images(0)->mutable_tensor()->mutable_data()->resize(10);
  });
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->images[0].status().message(),
            "images[0].tensor.data: must have 1536 bytes for 16 x 32 pixels of DATA_TYPE_UINT8, "
            "has 10");
}

TEST_F(ProtoConversionTest, AStreamsRequestIsOneImage) {
  auto message = std::make_shared<v1::ExtractStreamRequest>();
  *message->mutable_image() = Pixels();
  message->set_model("summary-only");
  const auto request = ConvertRequest(message, models_.registry(), limits_);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->model->spec().name, "summary-only");
  ASSERT_EQ(request->images.size(), 1u);
  EXPECT_TRUE(request->images[0].ok());

  const auto empty =
      ConvertRequest(std::make_shared<v1::ExtractStreamRequest>(), models_.registry(), limits_);
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(FieldPathOf(empty->images[0].status()), "image");
}

}  // namespace
}  // namespace radio::server
