; The installer for Windows, for one user and without an administrator. Run by build.py with Inno Setup 6; was not tried
; where it was written. Version, Folder (the one-folder program), Into and Icon are given on the command line.

[Setup]
AppId={{8F2C0C5E-6E0B-4B8E-9C55-2C1B7B0B4C11}
AppName=Bursar
AppVersion={#Version}
AppPublisher=Bursar contributors
DefaultDirName={localappdata}\Programs\Bursar
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
ChangesEnvironment=yes
CloseApplications=yes
OutputDir={#Into}
OutputBaseFilename=bursar-{#Version}-setup
SetupIconFile={#Icon}
UninstallDisplayIcon={app}\bursar-tray.exe
Compression=lzma2
SolidCompression=yes

[Files]
Source: "{#Folder}\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[InstallDelete]
; What an older version had and this one has not.
Type: filesandordirs; Name: "{app}\_internal"

[Icons]
Name: "{userprograms}\Bursar"; Filename: "{app}\bursar-tray.exe"

[Tasks]
Name: path; Description: "Let terminals find the command bursar"

[Registry]
Root: HKCU; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{olddata};{app}"; Tasks: path; Check: IsNotOnPath(ExpandConstant('{app}'))

[Run]
Filename: "{app}\bursar-tray.exe"; Description: "Start Bursar"; Flags: nowait postinstall skipifsilent

[UninstallRun]
; Gives agents their own settings back and starts no more at login; ledger, keys and settings stay.
Filename: "{app}\bursar.exe"; Parameters: "uninstall --yes"; Flags: runhidden; RunOnceId: "GiveBack"

[Code]
function IsNotOnPath(Folder: string): Boolean;
var
  Path: string;
begin
  Result := not (RegQueryStringValue(HKCU, 'Environment', 'Path', Path) and (Pos(';' + Lowercase(Folder) + ';', ';' + Lowercase(Path) + ';') > 0));
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Path: string;
  At: Integer;
begin
  if (Step = usPostUninstall) and RegQueryStringValue(HKCU, 'Environment', 'Path', Path) then
  begin
    At := Pos(';' + Lowercase(ExpandConstant('{app}')), Lowercase(Path));
    if At > 0 then
    begin
      Delete(Path, At, Length(ExpandConstant('{app}')) + 1);
      RegWriteExpandStringValue(HKCU, 'Environment', 'Path', Path);
    end;
  end;
end;
