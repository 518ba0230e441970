//! Completions, manual pages, and the command as a plugin of kubectl.

use meshsync_testkit::tool;
use tokio::process::Command;

use crate::support::{ended, meshsync};

#[tokio::test]
async fn shells_complete_what_there_is() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = ended(meshsync(&["completions", shell])).await;
        ended.assert_code(0);
        for word in ["snapshot", "fingerprint", "leader-elect"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("completions");
    let bash = ended(meshsync(&["completions", "bash"])).await;
    std::fs::write(&script, bash.stdout).unwrap();
    let asked = "source $0; COMP_WORDS=(meshsync snap); COMP_CWORD=1; \
                 _meshsync meshsync snap meshsync; echo ${COMPREPLY[@]}";
    let mut command = Command::new("bash");
    command.args(["-c", asked]).arg(&script);
    let answer = command.output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "snapshot");
}

#[tokio::test]
async fn there_is_a_page_for_each_command() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("man");
    let all = meshsync(&["man", folder.to_str().unwrap()]);
    ended(all).await.assert_code(0);
    for page in ["meshsync.1", "meshsync-run.1", "meshsync-config-explain.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
    let whole = ended(meshsync(&["man"])).await;
    whole.assert_code(0);
    assert!(
        whole.stdout.contains("meshsync\\-snapshot"),
        "{}",
        whole.stdout
    );
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = ended(meshsync(&["man", file.to_str().unwrap()])).await;
    refused.assert_code(1);
    refused.assert_says(&["failed to write pages into"]);
}

#[cfg(unix)]
#[tokio::test]
async fn kubectl_takes_it_for_a_plugin() {
    let Some(kubectl) = tool("kubectl") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let plugin = dir.path().join("kubectl-meshsync");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshsync"), plugin).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let run = async |args: &[&str]| {
        let mut command = Command::new(&kubectl);
        let output = command
            .args(args)
            .env("PATH", &path)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, help) = run(&["meshsync", "snapshot", "--help"]).await;
    assert_eq!(code, Some(0));
    assert!(help.contains("Usage: kubectl meshsync snapshot"), "{help}");
    let (code, rules) = run(&["meshsync", "rules", "list"]).await;
    assert_eq!(code, Some(0));
    assert!(rules.lines().any(|id| id == "cert-manager"), "{rules}");
}
