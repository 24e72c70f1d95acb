#!/bin/sh
# Sign, notarise and pack the app for macOS: macos.sh Bursar.app INTO. Run by build.py; was not tried where it was written.
#
# BURSAR_SIGN_AS names a “Developer ID Application” identity in the keychain; without it the app is signed for this
# machine only (-). BURSAR_NOTARY names a profile that `xcrun notarytool store-credentials` has kept.
set -eu
app=$1
into=$2
packaging=$(cd "$(dirname "$0")" && pwd)
version=$(plutil -extract CFBundleShortVersionString raw "$app/Contents/Info.plist")
identity=${BURSAR_SIGN_AS:--}
image="$into/bursar-$version-$(uname -m).dmg"

# From the inside out: a signature covers what lies below it as it then is.
find "$app/Contents" -type f \( -name '*.so' -o -name '*.dylib' \) -print0 |
    xargs -0 codesign --force --timestamp --options runtime --sign "$identity"
codesign --force --timestamp --options runtime --entitlements "$packaging/macos.entitlements" --sign "$identity" "$app"
codesign --verify --deep --strict "$app"

rm -f "$image"
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
cp -R "$app" "$staged/"
ln -s /Applications "$staged/Applications"
hdiutil create -quiet -fs HFS+ -volname Bursar -srcfolder "$staged" "$image"
if [ "$identity" != - ]; then
    codesign --timestamp --sign "$identity" "$image"
fi
if [ -n "${BURSAR_NOTARY:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$BURSAR_NOTARY" --wait
    xcrun stapler staple "$image"
fi
echo "$image"
