# cmake -DOUTPUT=x.cc -DINPUT=x.json -DHEADER=engine/m/x.h -DNAMESPACE=m -DNAME=XText
#   -P embed_text.cmake: a file as `std::string_view mailhaul::m::XText()`.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#include \"${HEADER}\"

namespace mailhaul::${NAMESPACE} {

std::string_view ${NAME}() {
  static constexpr std::string_view kText = R\"embedded(${text})embedded\";
  return kText;
}

}  // namespace mailhaul::${NAMESPACE}
")
